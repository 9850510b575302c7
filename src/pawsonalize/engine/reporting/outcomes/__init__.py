"""Outcomes: adoptions and what led to them."""
