"""Algorithms: one recipe, one file, fit() and score()."""
