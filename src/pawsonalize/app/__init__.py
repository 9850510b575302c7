"""The composition root: from settings to adapters, engine, commands and servers."""
