"""Knowledge of a visitor, for the pages to show."""

import shlex
from collections.abc import Mapping
from typing import Any

import msgspec

from pawsonalize.core.event import (
    DISLIKE,
    PICK,
    PICKS,
    STANDARD,
    Event,
    EventTypes,
    Visitor,
    standing,
)
from pawsonalize.events.history import history_page
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.site.languages import text
from pawsonalize.site.storefront import Storefront

_LOOK_BACK = 200
_SHOWN = 10


class Knowledge(msgspec.Struct, frozen=True):
    """A visitor's newest events, newest first, and the solution version that answers."""

    visitor: Visitor
    events: tuple[Event, ...]
    serving: SolutionVersion | None
    event_types: EventTypes = STANDARD

    @classmethod
    def of(cls, storefront: Storefront, visitor: Visitor) -> "Knowledge":
        """Look it up."""
        found = history_page(storefront.log, visitor, HistoryQuery(_LOOK_BACK))
        live = storefront.live
        serving = live.current.version if live.is_ready else None
        events = tuple(logged.event for logged in found.events)
        return cls(visitor, events, serving, storefront.log.event_types)

    @property
    def latest(self) -> tuple[Event, ...]:
        """The events worth listing."""
        return self.events[:_SHOWN]

    @property
    def count(self) -> str:
        """Number of known events, in words."""
        total = len(self.events)
        return (
            text("order.events", total)
            if total < _LOOK_BACK
            else text("order.many_events", n=total)
        )

    @property
    def answered(self) -> tuple[Event, ...]:
        """The newest answer to a board, best first, if nothing was done since."""
        if not self.events or self.events[0].event_type not in PICKS:
            return ()
        board = self.events[0].recommendation_id
        same = (one for one in standing(self.events) if one.recommendation_id == board)
        picks = (one for one in same if one.event_type in PICKS)
        return tuple(sorted(picks, key=lambda one: one.event_value or 0))

    @property
    def boards(self) -> frozenset[str]:
        """The boards that were answered."""
        picks = (one for one in self.events if one.event_type in PICKS)
        return frozenset(one.recommendation_id or "" for one in picks)

    @property
    def picked(self) -> dict[str, str]:
        """The board of the newest pick of each animal, newest first, but for those taken back."""
        picks = [one for one in standing(self.events) if one.event_type == PICK]
        found = {one.animal_id or "": one.recommendation_id or "" for one in reversed(picks)}
        return dict(reversed(found.items()))

    def did(self, meaning: str) -> frozenset[str]:
        """The animals the visitor has done that with, and did not dislike since."""
        done: set[str] = set()
        disliked: set[str] = set()
        for event in standing(self.events):
            means = self.event_types.meaning(event.event_type)
            if event.animal_id is None or event.animal_id in disliked:
                continue
            if means == DISLIKE:
                disliked.add(event.animal_id)
            elif means == meaning:
                done.add(event.animal_id)
        return frozenset(done)

    def newest(self, meaning: str) -> tuple[str, ...]:
        """The same animals, the one it was done with last first."""
        found = self.did(meaning)
        ids = (event.animal_id for event in self.events)
        return tuple(dict.fromkeys(one for one in ids if one in found))

    def identity(self) -> dict[str, str]:
        """Identity of the visitor as API calls give it."""
        ids = {"userId": self.visitor.user_id, "sessionId": self.visitor.session_id}
        return {name: value for name, value in ids.items() if value is not None}


def curl(address: str, body: Mapping[str, object] | None = None) -> str:
    """An API call to paste into a shell; any text is quoted safely."""
    if body is None:
        return f"curl {shlex.quote(address)}"
    data = shlex.quote(msgspec.json.encode(body).decode())
    return f"curl {shlex.quote(address)} --json {data}"


def panel(storefront: Storefront, known: Knowledge, call_title: str, call: str) -> dict[str, Any]:
    """Return the content of the layout and the panel of every page."""
    return {
        "known": known,
        "favourites_count": len(known.did("favorite")),
        "visitor_json": msgspec.json.encode(known.identity()).decode(),
        "call_title": call_title,
        "call": call,
        "demo": storefront.demo,
        "is_open": storefront.is_open,
        "site_name": storefront.name,
        "page_key": storefront.page_key,
        "now": storefront.now(),
    }
