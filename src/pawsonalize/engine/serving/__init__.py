"""Answers: recommendations and rankings of groups and animals."""
