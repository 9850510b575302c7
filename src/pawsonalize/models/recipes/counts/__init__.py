"""Everything that recipes count of the log: one reading, shared by all of them."""
