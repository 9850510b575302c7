"""Outcomes of answers: reports, metric attributions, off-policy evaluation."""
