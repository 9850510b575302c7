"""Animals imported from the feeds of shelter software."""
