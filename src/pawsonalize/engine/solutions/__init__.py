"""Solutions, and the versions that are trained of them, each in a process of its own."""
