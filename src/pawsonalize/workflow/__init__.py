"""The retraining state machine: its record, its steps, and who works on it."""
