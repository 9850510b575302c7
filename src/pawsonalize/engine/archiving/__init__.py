"""The raw archive: every accepted event, once, in objects from which the log can be rebuilt."""
