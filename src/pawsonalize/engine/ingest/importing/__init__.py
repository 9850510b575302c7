"""Files of datasets into the log and the catalogue."""
