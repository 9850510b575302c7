"""Training: solutions, versions, refreshes, evaluation, and the daily retraining."""
