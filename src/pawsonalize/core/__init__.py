"""What every slice stands on: errors, clock, settings kit, database, work, forms, HTTP kit."""
