"""Use and size of every dataset group, for operators of many."""
