"""Pages for operators, which the console shows and plugins add to."""
