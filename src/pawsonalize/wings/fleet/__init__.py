"""Several servers on one database: membership, fencing, shared models."""
