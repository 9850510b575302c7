"""The operator's pages: what the service knows, does and recommends."""
