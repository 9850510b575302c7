"""Training: solutions, versions, refreshes, evaluation and the gate."""
