"""Tables of events, answers, and what is counted of them."""
