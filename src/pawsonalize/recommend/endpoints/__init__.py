"""Endpoints of recommend."""
