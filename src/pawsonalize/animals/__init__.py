"""Animals: the inventory, listings and stays, words and wishes, items and users."""
