"""The raw archive of accepted events, as objects."""
