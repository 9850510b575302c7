"""From an animal's history to its waits, and which of them were shown."""

from dataclasses import replace

from pawsonalize.animals.animal import Animal, AnimalStatus, StatusChange
from pawsonalize.core.times import DAY
from pawsonalize.reports.report import Ending, Showing, waits_of
from tests.animal_data import animal
from tests.event_data import T0

ITEM = "2-Beagle-2-3"


def with_history(*changes: tuple[str, int]) -> Animal:
    told = tuple(StatusChange(AnimalStatus(status), T0 + day * DAY) for status, day in changes)
    return replace(animal("rex"), history=told)


def waits(*changes: tuple[str, int], until: int = 99) -> list[tuple[float, Ending]]:
    told = waits_of(with_history(*changes), T0 + until * DAY)
    return [(wait.days, wait.ending) for wait in told]


def test_a_wait_goes_on_while_an_animal_is_pending_or_on_hold() -> None:
    told = waits(("available", 0), ("pending", 3), ("available", 5), ("hold", 6), ("adopted", 10))
    assert told == [(10, Ending.ADOPTED)]


def test_who_leaves_otherwise_was_not_adopted_and_who_is_there_waits_still() -> None:
    assert waits(("available", 0), ("removed", 7)) == [(7, Ending.LEFT)]
    assert waits(("available", 0), until=40) == [(40, Ending.WAITING)]


def test_who_comes_back_is_a_new_arrival() -> None:
    told = waits(("available", 0), ("adopted", 4), ("returned", 20), ("available", 22), until=30)
    assert told == [(4, Ending.ADOPTED), (8, Ending.WAITING)], "it waits since it is available"


def test_what_happens_later_is_not_known_yet() -> None:
    assert waits(("available", 0), ("adopted", 10), until=10) == [(10, Ending.WAITING)]
    assert waits(("available", 0), until=0) == []


def test_only_a_showing_while_the_animal_is_available_counts() -> None:
    rex = with_history(("available", 0), ("pending", 3), ("adopted", 10))
    showing = Showing(list(waits_of(rex, T0 + 99 * DAY)))
    span = (T0, T0 + 99 * DAY)
    for at in (T0 - 1, T0 + 3 * DAY):
        showing.show("all", ITEM, at)
    showing.show("all", "another group", T0)
    assert showing.never("all", *span) == 1
    showing.show("all", ITEM, T0)
    assert showing.never("all", *span) == 0
    assert showing.never("another policy", *span) == 1
    assert showing.never("all", T0 + 50 * DAY, T0 + 60 * DAY) is None, "nobody waits then"
