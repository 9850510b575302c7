"""Erasing users: from the tables, from the archive, and so that no replay brings them back."""
