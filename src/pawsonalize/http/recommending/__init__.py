"""Recommendations and re-rankings at /v1: queries in, answers out."""
