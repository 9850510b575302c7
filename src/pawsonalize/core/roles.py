"""Roles of a server."""

SERVE = "serve"
"""Answer, and take events in."""
WORK = "work"
"""Train, retrain, import, export, erase, archive, notify: what is done in the background."""
CONSUME = "consume"
"""Read streams."""
ROLES = (SERVE, WORK, CONSUME)
