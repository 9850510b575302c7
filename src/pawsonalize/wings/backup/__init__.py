"""Copies of a data folder, their restoration, and removal of everything."""
