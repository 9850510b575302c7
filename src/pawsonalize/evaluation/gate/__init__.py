"""The gate: does a new solution version go live? Evidence and settings in, a decision out."""
