"""Checks of the data before anything is trained on them."""
