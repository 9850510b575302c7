"""Commands about visitors: their events and their answers."""
