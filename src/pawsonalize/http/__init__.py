"""The native JSON API: one endpoint, one file."""
