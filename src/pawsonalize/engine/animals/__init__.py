"""Individual animals: who of a group is shown, in which order, and why."""
