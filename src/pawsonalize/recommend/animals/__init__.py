"""Recommendations of individual animals."""
