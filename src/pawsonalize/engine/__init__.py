"""The recommender's own work, in six rooms; imports between them go one way only."""
