"""What came of what was shown."""
