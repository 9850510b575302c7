"""Wishes: a visitor's words, read as rules, as evidence and as words that are left to meaning."""

from pawsonalize.domain.wishes.reader import Wish, read_wish
from pawsonalize.domain.wishes.rules import Rule, traits_in

__all__ = ["Rule", "Wish", "read_wish", "traits_in"]
