"""Evaluation of recommenders: splits, metrics, intervals and controls, on arrays alone."""
