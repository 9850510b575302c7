"""Adoption markets that are not the demo world: who is shown whom decides who goes home."""
