"""Learning the order of candidates from the log itself: signals, features, a ranker."""
