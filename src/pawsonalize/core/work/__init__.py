"""Durable work: who does it, who goes on with it, and what proves whose turn it is."""
