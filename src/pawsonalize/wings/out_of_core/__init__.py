"""Counting of logs that do not fit in memory, by query engines."""
