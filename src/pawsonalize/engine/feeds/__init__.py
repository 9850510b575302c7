"""Feeds: files in which shelters' systems tell of their animals. One format, one file."""
