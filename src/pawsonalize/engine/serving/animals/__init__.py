"""Answers of individual animals."""
