"""The HTTP kit: connections, bodies, errors and operations."""
