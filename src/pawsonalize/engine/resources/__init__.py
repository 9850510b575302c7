"""The resource model: what exists, in which state, and what depends on what."""
