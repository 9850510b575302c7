"""Filters at work: which items or users pass, and what is known of them."""
