"""Checks of the main house, and what shows them."""
