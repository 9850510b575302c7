"""Databases: opened, their transactions, tables and migrations."""
