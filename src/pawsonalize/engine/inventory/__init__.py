"""The inventory: which animals there are, what is told of them, and what became of them."""
