"""Endpoints of operations."""
