"""Refused events, kept so that they can be mended and sent again."""
