"""What the operations do: one resource, one file; a handler translates, the engine works."""
