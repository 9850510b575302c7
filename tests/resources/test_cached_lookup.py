"""What was looked up holds for a second, and no longer."""

from itertools import count

import pytest

from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.errors import NotFound
from pawsonalize.core.times import SECOND


class Things:
    """Where things are looked up, and a clock."""

    def __init__(self) -> None:
        self.now = 0
        self.things = {"a": 1}
        self.lookup = CachedLookup(self.look, lambda: self.now)

    def look(self, key: str) -> int:
        if key not in self.things:
            raise NotFound(key)
        return self.things[key]


def test_what_was_found_holds_for_a_second() -> None:
    place = Things()
    assert place.lookup.find("a") == 1
    place.things["a"] = 2
    place.now = SECOND - 1
    assert place.lookup.find("a") == 1
    place.now = SECOND
    assert place.lookup.find("a") == 2


@pytest.mark.parametrize("tick", [SECOND // 7, SECOND // 4, SECOND // 3, SECOND // 2])
def test_what_expires_while_it_is_looked_up_is_looked_up_again(tick: int) -> None:
    lookup = CachedLookup({"a": 1}.__getitem__, count(0, tick).__next__)
    for _ in range(20):
        assert lookup.find("a") == 1
        assert lookup.known("a") in {(1,), None}


def test_what_was_not_found_is_looked_for_again_at_once() -> None:
    place = Things()
    with pytest.raises(NotFound):
        place.lookup.find("b")
    place.things["b"] = 3
    assert place.lookup.find("b") == 3


def test_what_is_gone_is_not_remembered_when_it_is_forgotten_or_a_second_passed() -> None:
    place = Things()
    place.lookup.find("a")
    del place.things["a"]
    place.lookup.forget("a")
    with pytest.raises(NotFound):
        place.lookup.find("a")
