"""What keeps the house: archive, erasure, delivery of notifications."""
