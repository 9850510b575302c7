"""The native JSON API as a whole: its routes and its document."""
