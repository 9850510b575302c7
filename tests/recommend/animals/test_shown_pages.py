"""An event is joined to the page that it came from, and people are told from machines."""

from typing import Any

import pytest
from msgspec.structs import replace

from pawsonalize.core.event import STANDARD
from pawsonalize.core.times import MINUTE
from pawsonalize.events.tables.event_reads import Interaction
from pawsonalize.recommend.animals.counting import Suspects
from pawsonalize.recommend.animals.pages import (
    ShownPages,
    asks,
    opens,
    places_counted,
    reported_page,
)
from pawsonalize.recommend.tables import ANIMAL_RANKING, Impression
from tests.event_data import T0
from tests.page_data import page


def interaction(animal_id: str, *, at: int = 0, **more: Any) -> Interaction:
    plain = Interaction(1, None, "s1", "view", animal_id, T0 + at, None, None)
    return replace(plain, **more)


def shown_with(*pages: Impression) -> ShownPages:
    shown = ShownPages()
    for one in pages:
        shown.add(one)
    return shown


def test_an_event_is_joined_to_the_answer_that_it_names_whoever_sent_it() -> None:
    first, second = page("R1", "rex", "max"), page("R2", "max", "rex", at=5)
    shown = shown_with(first, second)
    named = interaction("rex", session_id="another", recommendation_id="R1", at=99 * MINUTE)
    assert shown.find(named) == (first, 0)
    assert shown.find(replace(named, animal_id="nobody")) is None


def test_an_event_that_names_none_is_joined_by_its_session_within_the_hour() -> None:
    shown = shown_with(page("R1", "max", "rex"), page("R2", "max", at=5))
    found = shown.find(interaction("rex", at=60 * MINUTE))
    assert found is not None
    assert (found[0].recommendation_id, found[1]) == ("R1", 1)
    assert shown.find(interaction("rex", at=60 * MINUTE + 1)) is None
    assert shown.find(interaction("rex", at=-1)) is None, "it was sent before the page was shown"
    assert shown.find(interaction("rex", session_id="another")) is None


def test_it_is_joined_to_the_newest_page_that_has_the_animal_and_by_the_user_too() -> None:
    old, new = page("R1", "rex"), page("R2", "max", "rex", at=5, user_id="ann", session_id=None)
    shown = shown_with(old, new)
    found = shown.find(interaction("rex", at=9, user_id="ann", session_id="another"))
    assert found == (new, 1)
    assert shown.find(interaction("rex", at=9)) == (old, 0)


def test_any_of_those_who_share_a_place_is_at_that_place() -> None:
    pair = page("R1", "max", animal_ids=(("max",), ("ann", "bob")))
    assert shown_with(pair).find(interaction("bob")) == (pair, 1)


@pytest.mark.parametrize(
    "unseen",
    [page("R1", "rex", question=ANIMAL_RANKING), page("R1", "rex", as_of=T0 - 5)],
    ids=["a ranking", "a replay"],
)
def test_a_ranking_and_a_replay_count_as_seen_once_an_event_names_one(unseen: Impression) -> None:
    shown = shown_with(unseen, page("R2", "max"))
    assert not shown.is_seen(unseen)
    shown.find(interaction("max", recommendation_id="R2"))
    assert not shown.is_seen(unseen), "what was named is no ranking"
    shown.find(interaction("rex", recommendation_id="R1"))
    assert shown.is_seen(unseen)
    assert shown.is_seen(replace(unseen, recommendation_id="R3")), "the site shows them"


def test_a_page_that_an_event_reports_counts_unless_it_is_one_of_ours() -> None:
    reported = reported_page(interaction("rex", impression='["max","rex"]'))
    assert reported is not None
    assert reported.animal_ids == (("max",), ("rex",))
    assert shown_with(reported).find(interaction("rex")) == (reported, 1)
    assert reported_page(interaction("rex", impression='["rex"]', recommendation_id="R1")) is None
    assert reported_page(interaction("rex", impression='["max"]')) is None
    assert reported_page(interaction("rex")) is None


def test_every_place_counts_up_to_a_hundredth_whatever_was_opened() -> None:
    assert places_counted(page("R1", *(f"a{n}" for n in range(40)))) == 40
    assert places_counted(page("R2", *(f"a{n}" for n in range(400)))) == 100
    assert places_counted(page("R3", "rex")) == 1


def test_what_speaks_against_an_animal_opens_none_and_only_more_than_a_look_asks() -> None:
    kinds = ("view", "favorite", "inquiry", "Adopted", "dislike", "return", "whatever")
    assert [opens(interaction("rex", event_type=kind), STANDARD) for kind in kinds] == [
        *(True,) * 4,
        False,
        False,
        True,
    ]
    assert [kind for kind in kinds if asks(interaction("rex", event_type=kind), STANDARD)] == [
        "inquiry",
        "Adopted",
    ]


def test_who_opens_one_animal_on_and_on_or_nearly_all_they_see_counts_no_more() -> None:
    suspects = Suspects()
    for who in ("booster", "crawler", "curious", "in love"):
        suspects.shown(who, 60)
    assert [suspects.opened("booster", "rex") for _ in range(11)] == [True] + [False] * 10
    for n in range(31):
        suspects.opened("crawler", f"a{n}")
    for n in range(30):
        suspects.opened("curious", f"a{n}")
    for _ in range(10):
        suspects.opened("in love", "rex")
    found = [who for who in ("booster", "crawler", "curious", "in love") if suspects.is_one(who)]
    assert found == ["booster", "crawler"]
    assert not suspects.is_one("nobody")


def test_as_many_visitors_are_remembered_as_wanted() -> None:
    for kept, is_known in ((1, False), (2, True)):
        suspects = Suspects(kept)
        for _ in range(11):
            suspects.opened("booster", "rex")
        suspects.opened("somebody", "rex")
        assert suspects.is_one("booster") is is_known
