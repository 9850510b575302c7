"""Streams in front of ingest: brokers that others write events to."""
