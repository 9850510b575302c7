"""Archive, erasure, retention and delivery of notifications."""
