"""Tables of erasures, and the rows of visitors."""
