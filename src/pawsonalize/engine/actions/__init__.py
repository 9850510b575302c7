"""Actions: what to suggest to a user to do next, beside which animal to look at."""
