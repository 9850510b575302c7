"""Tables of animals."""
