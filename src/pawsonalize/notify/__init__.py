"""Telling people: one file for each way to reach them."""
