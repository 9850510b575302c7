"""What another policy would have been worth, from the log of the one that served."""
