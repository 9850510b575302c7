"""Campaigns: which version is served, how that changes, and how it goes back."""
