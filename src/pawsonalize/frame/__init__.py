"""What the main command and the wings stand on."""
