"""The outbox: news are kept with the tables and delivered in the background, at least once."""
