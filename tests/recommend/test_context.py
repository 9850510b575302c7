"""What a model is told of a visitor's events."""

from pawsonalize.core.event import EventTypes
from pawsonalize.events.tables.event_reads import RecentEvent
from pawsonalize.recommend.query import MAX_CONTEXT_EVENTS, build_context
from tests.event_data import T0


def newest_first(*events: tuple[str, str]) -> list[RecentEvent]:
    """Items with types, told oldest first."""
    rows: list[RecentEvent] = [
        (item, kind, T0 + place, None) for place, (item, kind) in enumerate(events)
    ]
    return rows[::-1]


def test_events_have_the_type_that_theirs_means() -> None:
    rows = newest_first(("a", "DetailView"), ("b", "Adopted"), ("c", "watch"), ("d", "Star!"))
    types = EventTypes.with_added({"star!": "favorite"})
    context = build_context(rows, T0 + 9, event_types=types)
    assert [one.event_type for one in context.events] == ["favorite", "watch", "adoption", "view"]


def test_a_dislike_is_no_interest_and_takes_back_what_was_done_before() -> None:
    rows = newest_first(("a", "view"), ("a", "favorite"), ("b", "view"), ("a", "unfavorite"))
    context = build_context(rows, T0 + 9)
    assert [one.item for one in context.events] == ["b"]
    assert [(one.item, one.event_type) for one in context.disliked] == [("a", "dislike")]


def test_to_look_again_is_no_change_of_mind_and_to_like_again_is() -> None:
    looked = build_context(newest_first(("a", "hide"), ("a", "view")), T0 + 9)
    assert (len(looked.events), len(looked.disliked)) == (1, 1)
    liked = build_context(newest_first(("a", "hide"), ("a", "Favorite")), T0 + 9)
    assert (len(liked.events), liked.disliked) == (1, ())


def test_a_return_takes_back_and_is_no_dislike() -> None:
    context = build_context(newest_first(("a", "adoption"), ("a", "Returned")), T0 + 9)
    assert (context.events, context.disliked) == ((), ())


def test_only_the_newest_events_are_kept() -> None:
    rows = newest_first(*((f"i{n}", "view") for n in range(MAX_CONTEXT_EVENTS + 30)))
    assert len(build_context(rows, T0 + 99).events) == MAX_CONTEXT_EVENTS
