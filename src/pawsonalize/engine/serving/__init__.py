"""The answers: what is asked, what may be shown, in which order."""
