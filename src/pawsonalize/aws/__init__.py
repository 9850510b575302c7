"""The Personalize wire protocol: unmodified AWS clients in front of the engine."""
