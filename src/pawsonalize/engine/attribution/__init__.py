"""Metric attribution: what recommendations, and other sources of events, bring about."""
