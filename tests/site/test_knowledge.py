"""What pages know of a visitor."""

from dataclasses import replace

from pawsonalize.core.event import EventTypes, Visitor
from pawsonalize.site.knowledge import Knowledge
from tests.event_data import event


def test_favourites_are_those_that_mean_it_and_are_not_disliked_since() -> None:
    told = [("a", "Favourited"), ("b", "favorite"), ("b", "unfavorite"), ("c", "hide")]
    told += [("c", "Favorite"), ("d", "GoldStar"), ("e", "DetailView")]
    events = [
        replace(event(f"{n}", event_type=kind, at=n), animal_id=animal)
        for n, (animal, kind) in enumerate(told)
    ]
    types = EventTypes.with_added({"GoldStar": "favorite"})
    known = Knowledge(Visitor("ann"), tuple(reversed(events)), None, types)
    assert known.did("favorite") == {"a", "c", "d"}
    assert known.did("view") == {"e"}
