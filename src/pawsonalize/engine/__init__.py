"""The resource model and the two questions, over ports."""
