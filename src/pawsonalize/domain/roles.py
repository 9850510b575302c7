"""Roles of a server."""

SERVE = "serve"  # answer, and take events in
WORK = "work"
"""Train, retrain, import, export, erase, archive, notify: what is done in the background."""
CONSUME = "consume"  # read streams
ROLES = (SERVE, WORK, CONSUME)
