"""What came of what was shown: adoptions by answer, and how long arrivals wait."""
