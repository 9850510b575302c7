"""The recommender's own work, in five rooms; imports between them go one way only."""
