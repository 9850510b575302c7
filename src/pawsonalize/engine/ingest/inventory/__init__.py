"""The animals there are: what is told of them becomes their record."""
