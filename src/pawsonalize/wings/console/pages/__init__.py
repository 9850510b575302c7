"""The console: pages for who runs the service."""
