"""Pawsonalize: an open, self-hosted, real-time recommender for adoptable pets."""

__version__ = "0.1.0"
