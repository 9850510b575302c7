"""Erasure of visitors: a durable record, step by step."""
