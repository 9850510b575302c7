"""The inventory: the animals, with their status and history."""
