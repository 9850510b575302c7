"""Decodes what callers send: JSON into typed forms, with errors that say what to write."""
