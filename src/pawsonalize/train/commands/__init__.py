"""Commands of train."""
