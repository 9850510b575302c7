"""Tables of the inventory and of items and users."""
