"""Does personalisation work? Figures counted from the live log, rules on them, and a verdict."""
