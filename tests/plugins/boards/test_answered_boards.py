"""What visitors picked of their boards is read from events, with the boards or without them."""

from collections.abc import Sequence

import pytest

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import NO_PICK, NOTHING, PICK, Event, Visitor
from pawsonalize.core.preferences import WantedValues
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.animals.pages import PageReader, PickedBoard
from pawsonalize.recommend.tables import BOARD, Impression, Impressions
from tests.animal_data import animal
from tests.event_data import T0

NOW = T0 + 60 * MINUTE
GROUPS = ("1-Manx-1-3", "2-Beagle-2-3", "2-Pug-1-1")
IDS = ("a", "b", "c")


def given(name: str, session: str = "s1", at: int = 0, question: str = BOARD) -> Impression:
    animals = tuple((one,) for one in IDS)
    moment = T0 + at * MINUTE
    return Impression(
        name, question, None, session, moment, moment, "v", GROUPS, animal_ids=animals
    )


def picked(
    name: str, animal_id: str, rank: float | None = None, at: int = 9, shown: Sequence[str] = ()
) -> Event:
    """A pick, or "none of these" for no animal."""
    return Event(
        event_id=f"{name} {animal_id}",
        user_id=None,
        session_id="s1",
        event_type=PICK if animal_id else NO_PICK,
        item_id=GROUPS[IDS.index(animal_id)] if animal_id in IDS else NOTHING,
        sent_at=T0 + at * MINUTE,
        received_at=T0 + at * MINUTE,
        animal_id=animal_id,
        event_value=rank,
        recommendation_id=name,
        impression=tuple(shown),
    )


@pytest.fixture
def reader(shown: Impressions, log: EventLog, database: Database) -> PageReader:
    return PageReader(shown, log, Animals(database))


def read(reader: PageReader, at: int = NOW) -> list[tuple[int, ...]]:
    boards = reader.of(Visitor(None, "s1"), at, (), frozenset()).boards
    assert all(one.groups == GROUPS and one.animals == IDS for one in boards.picked)
    return [one.picks for one in boards.picked]


def test_picks_are_in_the_order_of_their_ranks_and_each_animal_counts_once(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([given("B1"), given("B2", at=1), given("B3", at=2)])
    log.append(
        [
            *(picked("B1", one, rank) for rank, one in ((2, "a"), (1, "c"))),
            picked("B2", "", at=10),
            picked("B3", "b", at=11),
            picked("B3", "a", at=12),
            picked("B3", "stranger", at=13),
            picked("B3", "", at=14),
        ]
    )
    assert read(reader) == [(1, 0), (), (2, 0)]
    assert read(reader, at=T0 + 10 * MINUTE) == [(), (2, 0)], "later ones are not known then"


def test_picks_that_a_later_wish_speaks_against_are_as_if_taken_back(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([given("B1"), given("B2", at=1)])
    log.append([picked("B1", one, rank) for rank, one in ((1, "a"), (2, "b"))])
    log.append([picked("B2", "a"), picked("B2", "")])

    def read_with(*wishes: WantedValues) -> list[tuple[int, ...]]:
        boards = reader.of(Visitor(None, "s1"), NOW, (), frozenset(), wishes=wishes).boards
        return [one.picks for one in boards.picked]

    dogs = frozenset({"2"})
    assert read_with(WantedValues("species", dogs, T0 + 10 * MINUTE)) == [(1,)]
    assert read_with(WantedValues("species", dogs, T0 + 8 * MINUTE)) == [(0,), (0, 1)]
    cats = WantedValues("species", frozenset({"1"}), T0 + 10 * MINUTE)
    assert read_with(cats) == [(0,), (0,)]


def test_a_board_of_others_and_what_is_no_board_says_nothing(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([given("B1", "s2"), given("P1", question="animals")])
    log.append([picked("B1", "a"), picked("P1", "a")])
    assert read(reader) == []


def test_a_board_that_was_left_alone_is_known_as_one(
    reader: PageReader, shown: Impressions, log: EventLog
) -> None:
    shown.append([given("B1"), given("B2", at=1)])
    log.append([picked("B2", "a")])
    boards = reader.of(Visitor(None, "s1"), NOW, (given("B3", at=2),), frozenset()).boards
    assert [one.recommendation_id for one in boards.left] == ["B3", "B1"]


def test_picks_that_are_replayed_where_no_board_is_known_say_the_same(
    reader: PageReader, shown: Impressions, log: EventLog, animals: Animals
) -> None:
    animals.put([animal(*row) for row in zip(IDS, GROUPS, strict=True)], T0)
    log.append([picked("B1", "c", 1, shown=IDS), picked("B2", "", at=10, shown=IDS)])
    elsewhere = reader.of(Visitor(None, "s1"), NOW, (), frozenset()).boards.picked
    shown.append([given("B1"), given("B2", at=1)])
    here = reader.of(Visitor(None, "s1"), NOW, (), frozenset()).boards.picked
    assert elsewhere == here == (PickedBoard(GROUPS, IDS, ()), PickedBoard(GROUPS, IDS, (2,)))
