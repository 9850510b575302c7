"""The tables: events, items, users, animals, models."""
