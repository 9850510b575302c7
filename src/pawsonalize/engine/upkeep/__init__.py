"""Archive, erasure and delivery of notifications."""
