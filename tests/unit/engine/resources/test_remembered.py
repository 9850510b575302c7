"""What was looked up holds for a second, and no longer."""

import pytest

from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.resources.remembered import Remembered


class Shelf:
    """Where things are looked up, and a clock."""

    def __init__(self) -> None:
        self.now = 0
        self.things = {"a": 1}
        self.remembered = Remembered(self.look, lambda: self.now)

    def look(self, key: str) -> int:
        if key not in self.things:
            raise NotFound(key)
        return self.things[key]


def test_what_was_found_holds_for_a_second() -> None:
    shelf = Shelf()
    assert shelf.remembered.find("a") == 1
    shelf.things["a"] = 2
    shelf.now = SECOND - 1
    assert shelf.remembered.find("a") == 1
    shelf.now = SECOND
    assert shelf.remembered.find("a") == 2


def test_what_was_not_found_is_looked_for_again_at_once() -> None:
    shelf = Shelf()
    with pytest.raises(NotFound):
        shelf.remembered.find("b")
    shelf.things["b"] = 3
    assert shelf.remembered.find("b") == 3


def test_what_is_gone_is_not_remembered_when_it_is_forgotten_or_a_second_passed() -> None:
    shelf = Shelf()
    shelf.remembered.find("a")
    del shelf.things["a"]
    shelf.remembered.forget("a")
    with pytest.raises(NotFound):
        shelf.remembered.find("a")
