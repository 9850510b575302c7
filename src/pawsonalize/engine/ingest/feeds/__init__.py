"""Files and addresses from which animals come."""
