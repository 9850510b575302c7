"""What a person asked to be forgotten."""
