"""Evaluating a recipe on the log: split, train, ask, measure, compare."""
