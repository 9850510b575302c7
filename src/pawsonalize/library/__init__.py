"""The library for notebooks: data, recommenders, and comparisons of them; no service runs."""
