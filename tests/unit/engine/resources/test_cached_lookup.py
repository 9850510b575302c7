"""What was looked up holds for a second, and no longer."""

import pytest

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.resources.cached_lookup import CachedLookup


class Shelf:
    """Where things are looked up, and a clock."""

    def __init__(self) -> None:
        self.now = 0
        self.things = {"a": 1}
        self.remembered = CachedLookup(self.look, lambda: self.now)

    def look(self, key: str) -> int:
        if key not in self.things:
            raise NotFound(key)
        return self.things[key]


def test_what_was_found_holds_for_a_second() -> None:
    available = Shelf()
    assert available.remembered.find("a") == 1
    available.things["a"] = 2
    available.now = SECOND - 1
    assert available.remembered.find("a") == 1
    available.now = SECOND
    assert available.remembered.find("a") == 2


def test_what_was_not_found_is_looked_for_again_at_once() -> None:
    available = Shelf()
    with pytest.raises(NotFound):
        available.remembered.find("b")
    available.things["b"] = 3
    assert available.remembered.find("b") == 3


def test_what_is_gone_is_not_remembered_when_it_is_forgotten_or_a_second_passed() -> None:
    available = Shelf()
    available.remembered.find("a")
    del available.things["a"]
    available.remembered.forget("a")
    with pytest.raises(NotFound):
        available.remembered.find("a")
