"""What callers send: JSON into typed forms, errors that say what to write."""
