"""Between trainings: the counts of a served version follow the log."""
