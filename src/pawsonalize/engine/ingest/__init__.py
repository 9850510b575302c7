"""Everything that comes in: events, animals, feeds, datasets and their files."""
