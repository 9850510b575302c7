"""Frozen values and rules; the standard library alone."""
