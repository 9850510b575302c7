"""These tests run on each database."""

from tests.adapters.conftest import database

__all__ = ["database"]
