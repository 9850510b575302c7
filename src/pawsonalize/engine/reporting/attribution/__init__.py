"""Metric attributions: what events are worth."""
