"""Pages of animals, what visitors did with them, and how long both are kept, on every database."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from pawsonalize.animals.tables.animals import AnimalExposures, Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import Visitor
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.operations import retention
from pawsonalize.operations.retention import delete_answers, keep_days
from pawsonalize.recommend.tables import BOARD, RECOMMENDATION, Impression, Impressions
from pawsonalize.resources.kind import first_recommendation_id, new_recommendation_id
from tests import page_data
from tests.animal_data import animal
from tests.event_data import T0, event


def page(at: int, *animals: str, user: str | None = "ann", **more: Any) -> Impression:
    """A whole page of these animals for the user, `at` milliseconds after T0."""
    whole = {"propensities": (1.0,) * len(animals), "factors": ((0.0,),) * len(animals)}
    name = new_recommendation_id(T0 + at)
    return page_data.page(name, *animals, at=at, user_id=user, **(whole | more))


def bare(*pages: Impression) -> list[Impression]:
    """The same without what takes the most memory."""
    return [replace(one, item_ids=(), propensities=None, factors=None) for one in pages]


def ids(pages: Sequence[Impression]) -> list[str]:
    return [one.recommendation_id for one in pages]


def test_ids_of_answers_are_in_the_order_of_time_and_none_is_below_the_first_of_its_moment(
    database: Database,
) -> None:
    moments = [0, 1, 2, 1_000, 65_536, DAY, 400 * DAY]
    stored = [page(at, "a") for at in moments]
    impressions = Impressions(database)
    impressions.append(stored[::-1])
    assert ids(impressions.pages("", 99)) == ids(stored)
    for at, one in zip(moments, stored, strict=True):
        first = first_recommendation_id(T0 + at)
        assert ids(impressions.pages(first, 1)) == [one.recommendation_id]


def test_pages_are_answers_of_animals_alone_beyond_an_id_a_batch_at_a_time(
    database: Database,
) -> None:
    impressions = Impressions(database)
    stored = [page(at, "a", "b") for at in range(5)]
    of_groups = page(2, question=RECOMMENDATION, animal_ids=None, factors=None)
    theirs = page(2, "a", dataset_group="theirs")
    impressions.append([*stored, of_groups, theirs])
    assert impressions.pages("", 99) == bare(*stored)
    assert impressions.pages(stored[1].recommendation_id, 2) == bare(*stored[2:4])
    assert impressions.pages(stored[-1].recommendation_id, 9) == []
    assert impressions.of("theirs").pages("", 9) == bare(theirs)


def test_many_answers_are_found_by_their_ids_with_all_that_was_logged(database: Database) -> None:
    impressions = Impressions(database)
    stored = [page(at, "a", "b") for at in range(3)]
    impressions.append([*stored, page(3, "c", dataset_group="theirs")])
    wanted = [*ids(stored[:2]), "nobody's", *(f"x{n}" for n in range(600))]
    assert impressions.get_many(wanted) == {one.recommendation_id: one for one in stored[:2]}
    assert impressions.get_many([]) == {}


def test_the_newest_pages_come_in_the_order_of_time(database: Database) -> None:
    impressions = Impressions(database)
    stored = [page(at, "a") for at in range(5)]
    impressions.append(stored)
    assert impressions.newest_pages(3) == bare(*stored[2:])
    assert impressions.newest_pages(9) == bare(*stored)


def test_a_visitors_pages_are_those_of_the_user_and_of_the_session_newest_first(
    database: Database,
) -> None:
    impressions = Impressions(database)
    hers = page(1, "a", session_id="another")
    both = page(2, "b")
    before_she_signed_in = page(3, "c", user=None)
    impressions.append(
        [
            hers,
            both,
            before_she_signed_in,
            page(4, "d", user="bob", session_id="s2"),
            page(5, "e", dataset_group="theirs"),
            page(6, question=RECOMMENDATION, animal_ids=None, factors=None),
        ]
    )
    now = T0 + 9
    assert impressions.pages_of(Visitor("ann", "s1"), now, 9) == [before_she_signed_in, both, hers]
    assert impressions.pages_of(Visitor("ann"), now, 9) == [both, hers]
    assert impressions.pages_of(Visitor(None, "s1"), now, 9) == [before_she_signed_in, both]
    assert impressions.pages_of(Visitor("nobody"), now, 9) == []


def test_a_visitors_pages_are_those_before_the_moment_and_no_more_than_asked_for(
    database: Database,
) -> None:
    impressions = Impressions(database)
    stored = [page(at, "a") for at in range(6)]
    replayed = page(9, "b", as_of=T0 + 1)
    impressions.append([*stored, replayed])
    found = impressions.pages_of(Visitor("ann"), T0 + 3, 9)
    assert sorted(ids(found)) == sorted(ids([*stored[:3], replayed])), "by what they are true of"
    assert impressions.pages_of(Visitor("ann"), T0 + 6, 2) == stored[:3:-1]


def test_deeds_are_events_with_animals_in_the_order_of_the_log(database: Database) -> None:
    log = EventLog(database)
    log.append(
        [
            event("group alone"),
            event("1", animal_id="rex", recommendation_id="RID-1"),
            event("2", animal_id="tom", user=None, impression=("rex", "tom"), event_type="Apply"),
            event("theirs", animal_id="rex", dataset_group="theirs"),
            event("3", animal_id="rex", at=-5),
        ]
    )
    first, second, third = log.interactions(0, 9)
    assert (first.animal_id, first.recommendation_id, first.impression) == ("rex", "RID-1", None)
    assert (second.user_id, second.session_id, second.event_type) == (None, "s1", "Apply")
    assert second.impression == '["rex","tom"]'
    assert (third.sent_at, third.offset > second.offset) == (T0 - 5, True)
    assert log.interactions(first.offset, 1) == [second]
    assert log.interactions(third.offset, 9) == []


def test_a_visitors_deeds_are_those_of_the_user_and_of_bound_sessions_newest_first(
    database: Database,
) -> None:
    log = EventLog(database)
    log.append(
        [
            event("1", animal_id="a", user=None, session="s1"),
            event("2", animal_id="b", at=2),
            event("3", animal_id="c", at=3, session="s2"),
            event("4", at=4),
            event("5", animal_id="d", at=5, user="bob", session="s3"),
        ]
    )

    def animals_of(visitor: Visitor, at: int = 9, limit: int = 9) -> list[str]:
        return [
            interaction.animal_id for interaction in log.interactions_of(visitor, T0 + at, limit)
        ]

    assert animals_of(Visitor("ann")) == ["c", "b", "a"]
    assert animals_of(Visitor("ann"), at=2) == ["b", "a"]
    assert animals_of(Visitor("ann"), limit=1) == ["c"]
    assert animals_of(Visitor("nobody")) == []


def test_old_answers_are_deleted_a_batch_at_a_time_and_newer_ones_stay(database: Database) -> None:
    impressions = Impressions(database)
    old = [page(at, "a", dataset_group=group) for at in range(3) for group in ("theirs", "ours")]
    kept = page(3, "a")
    impressions.append([*old, kept])
    before, first = T0 + 3, first_recommendation_id(T0 + 3)
    assert impressions.forget(before, first, 4) == 4
    assert impressions.forget(before, first, 4) == 2
    assert impressions.forget(before, first, 4) == 0
    assert impressions.pages("", 9) == bare(kept)


def test_answers_are_kept_for_so_many_days_or_for_ever_and_exposure_is_kept_longer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    Animals(database).put([animal("a")], T0)
    impressions = Impressions(database)
    stored = [page(at, "a") for at in (0, 1, 2, DAY, 2 * DAY)]
    impressions.append(stored)
    shown = impressions.shown(T0)
    delete = partial(delete_answers, impressions)
    assert keep_days(0, "deleted", delete)(T0 + 9_999 * DAY) == 0
    assert keep_days(7, "deleted", delete)(T0 + 8 * DAY) == 3
    assert impressions.pages("", 9) == bare(*stored[3:])
    assert impressions.shown(T0) == shown
    assert AnimalExposures(database).of(["a"]) == {"a": 5}


def test_a_board_is_exposure_and_no_page(database: Database) -> None:
    Animals(database).put([animal("a")], T0)
    impressions = Impressions(database)
    shown, board = page(0, "a"), page(1, "a", question=BOARD)
    impressions.append([shown, board])
    assert impressions.pages("", 9) == impressions.newest_pages(9) == bare(shown)
    assert ids(impressions.pages_of(Visitor("ann"), T0 + 9, 9)) == ids([board, shown])
    assert impressions.get(board.recommendation_id) == board
    assert AnimalExposures(database).of(["a"]) == {"a": 2}
