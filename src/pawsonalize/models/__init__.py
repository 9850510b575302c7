"""Models, pure: recipes, evaluation, and what both measure."""
