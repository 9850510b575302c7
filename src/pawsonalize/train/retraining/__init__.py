"""The daily retraining: a durable run, step by step."""
