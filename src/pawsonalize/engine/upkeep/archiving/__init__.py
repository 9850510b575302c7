"""The raw archive."""
