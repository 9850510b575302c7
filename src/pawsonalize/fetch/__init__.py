"""Fetching what others publish: feeds of animals, by HTTP."""
