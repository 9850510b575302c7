"""Simple recipes that a better one has to beat, and that sometimes win."""
