"""The caption says what the order of the page is."""

import pytest

from pawsonalize.core.event import Visitor
from pawsonalize.core.preferences import Preferences
from pawsonalize.site.adoption_page import order_in_words
from pawsonalize.site.knowledge import Knowledge
from pawsonalize.site.ordering import Ordered
from tests.event_data import event

FIRST = " Look at somebody, and the order becomes yours."


def caption(*decided: str, events: int = 0, quiz: bool = False) -> str:
    known = Knowledge(Visitor(), tuple(event(f"{n}") for n in range(events)), None)
    looking_for = Preferences(species=("2",)) if quiz else Preferences()
    return order_in_words(Ordered((), 9, "RID-1", decided), known, looking_for)


def test_an_order_is_said_to_be_what_it_is(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, str]] = [
        (caption("waiting", "photos"), f"Ordered by how long they wait and their photos.{FIRST}"),
        (caption("appeal", "group"), f"Ordered by what visitors look at.{FIRST}"),
        (caption(), f"Everybody gets a turn.{FIRST}"),
        (caption("group", quiz=True), "Whoever fits what you are looking for comes first."),
        (caption("group", events=1), "Ordered for you, from 1 event of yours."),
        (
            caption("waiting", "visitor", events=2),
            "Ordered for you, from 2 events of yours, and by how long they wait.",
        ),
        (
            caption("waiting", "distance", "group", events=2),
            "Ordered by how long they wait and how near they are."
            " What you did decides little so far.",
        ),
    ]
    for said, order in cases:
        with subtests.test(said=said, order=order):
            assert said == order


def test_without_a_model_it_is_the_wait() -> None:
    known = Knowledge(Visitor(), (), None)
    said = order_in_words(Ordered((), 9, None), known, Preferences())
    assert said == "Whoever has waited longest comes first."
