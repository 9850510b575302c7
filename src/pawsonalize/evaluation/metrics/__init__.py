"""One metric, one file; all read `Placements`."""
