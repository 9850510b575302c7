"""Recommendations: from a query through candidates, scores and exploration to reasons and log."""
