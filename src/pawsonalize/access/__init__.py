"""Who may come in: what all doors ask before they answer."""
