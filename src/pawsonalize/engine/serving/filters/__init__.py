"""Filters: created, found by name, applied."""
