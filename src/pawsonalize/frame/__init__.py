"""Floor of the main command and the wings."""
