"""Pawsonalize on AWS: templates, and the commands that bring them up and down."""
