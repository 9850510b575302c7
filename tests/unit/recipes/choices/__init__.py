"""Tests of the model of choices."""
