"""How good the newest events are: faults with their remedies, types, and suspected bots."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from pawsonalize.domain.events import (
    AS_SENT,
    DEFAULT_DATASET_GROUP,
    SESSION_KEY,
    USER_KEY,
    Event,
    EventTypes,
    visitor_key,
)
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY, MINUTE, iso
from pawsonalize.engine.training.retraining.checking import bots_among
from pawsonalize.pages.reports import LetterReason, RefusalReports
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.event_reads import EventTail, TailQuery
from pawsonalize.wings.console.events import meaning_of

_LOOKED_AT = 5_000
_TYPES = 30
_BOTS = 20
_LATE = DAY
_AHEAD = 5 * MINUTE


class QualityCheck(msgspec.Struct, frozen=True, rename="camel"):
    """How many of the events looked at have one fault; `examples` are values that have it."""

    code: str
    says: str
    events: int
    share: float
    fix: str
    examples: list[str]


class TypeCount(msgspec.Struct, frozen=True, rename="camel"):
    """How many of the events looked at have a type, and what it counts as; null: nobody knows."""

    event_type: str
    events: int
    meaning: str | None


class SuspectedBot(msgspec.Struct, frozen=True, rename="camel"):
    """A visitor whose events follow each other faster than a person reads."""

    user_id: str | None
    session_id: str | None
    events: int


class DataReport(msgspec.Struct, frozen=True, rename="camel"):
    """How good the newest 5,000 events of a dataset group are, and what could not be taken.

    Trainings leave suspected bots in, and warn of them: the data are yours to mend.
    """

    looked_at: int
    since: str | None
    checks: list[QualityCheck]
    types: list[TypeCount]
    bots: list[SuspectedBot]
    letters: list[LetterReason]


Pace = Callable[[Sequence[str], Sequence[str], Sequence[int]], Sequence[str]]
"""Of the visitor, the item and the moment of each event: which visitors may be bots."""


@dataclass(frozen=True, slots=True)
class QualityViews:
    """Looks how good the events of a dataset group are."""

    log: EventLog
    tail: EventTail
    refusals: RefusalReports | None
    animals: Animals
    catalogue: Catalogue
    pace: Pace

    def report(self, group: str) -> DataReport:
        """How good the newest events are."""
        found = self.tail.of(group).newest(TailQuery(_LOOKED_AT))
        events = [one.event for one in found]
        types = self.log.of(group).event_types
        counts = Counter(one.event_type for one in events)
        return DataReport(
            len(events),
            iso(events[-1].received_at) if events else None,
            list(self._checks(events, group, types)),
            [TypeCount(n, count, meaning_of(n, types)) for n, count in counts.most_common(_TYPES)],
            self._bots(events),
            [] if self.refusals is None else self.refusals.reasons(group),
        )

    def _checks(
        self, events: Sequence[Event], group: str, types: EventTypes
    ) -> Iterator[QualityCheck]:
        if types is not AS_SENT:
            yield _check(
                "unknown_types",
                "have a type that nobody knows: it counts as a view",
                [one.event_type for one in events if not types.knows(one.event_type)],
                len(events),
                "name what the type means in the setting event_types",
            )
        if group == DEFAULT_DATASET_GROUP:
            yield self._unknown_animals(events)
        yield self._undescribed(events, group)
        yield _check(
            "no_recommendation_id",
            "do not name the answer that led to them, so nothing is learned of what was passed by",
            [one.event_type for one in events if one.recommendation_id is None],
            len(events),
            "send the recommendationId of the answer with each event that it led to",
        )
        yield _check(
            "no_user",
            "have no user: they count for their session alone",
            [one.event_type for one in events if one.user_id is None],
            len(events),
            "send the userId once somebody is signed in; of all others this is as it should be",
        )
        yield _check(
            "late",
            "came in more than a day after they happened",
            [one.event_type for one in events if one.received_at - one.sent_at > _LATE],
            len(events),
            "look whether a sender was away, and at the unit of its moments; old events that were"
            " imported are no fault",
        )
        yield _check(
            "ahead",
            "say that they happened later than they came in",
            [one.event_type for one in events if one.sent_at - one.received_at > _AHEAD],
            len(events),
            "set the sender's clock, or leave sentAt out",
        )

    def _unknown_animals(self, events: Sequence[Event]) -> QualityCheck:
        named = {one.animal_id for one in events if one.animal_id is not None}
        known = self.animals.get_many(sorted(named)).keys()
        missing = [one.animal_id for one in events if one.animal_id and one.animal_id not in known]
        return _check(
            "unknown_animals",
            "name an animal that is not in the inventory",
            missing,
            len(events),
            "send the inventory before its events, and use the same ids in both",
        )

    def _undescribed(self, events: Sequence[Event], group: str) -> QualityCheck:
        items = self.catalogue.of(group)
        odd = {one.item_id for one in events if AnimalGroup.parse(one.item_id) is None}
        bare = {item for item in odd if items.item(item) is None}
        return _check(
            "unknown_items",
            "are about an item that has no attributes",
            [one.item_id for one in events if one.item_id in bare],
            len(events),
            "import the items, or send animalMetadata with each event",
        )

    def _bots(self, events: Sequence[Event]) -> list[SuspectedBot]:
        keys = [visitor_key(one.user_id, one.session_id) for one in events]
        found = self.pace(keys, [one.item_id for one in events], [one.sent_at for one in events])
        counts = Counter(keys)
        suspects = sorted(found, key=lambda key: -counts[key])[:_BOTS]
        return [
            SuspectedBot(
                key[2:] if key.startswith(USER_KEY) else None,
                key[2:] if key.startswith(SESSION_KEY) else None,
                counts[key],
            )
            for key in suspects
        ]


def _check(
    code: str, says: str, values: Sequence[str | None], looked_at: int, fix: str
) -> QualityCheck:
    commonest = Counter(one for one in values if one is not None).most_common(5)
    return QualityCheck(
        code,
        says,
        len(values),
        len(values) / looked_at if looked_at else 0.0,
        fix,
        [value for value, _ in commonest],
    )


def suspected_bots(
    settings: Settings, visitors: Sequence[str], items: Sequence[str], times: Sequence[int]
) -> list[str]:
    """Those of the visitors that may be bots, by the settings of the checks before a training."""
    if not visitors:
        return []
    names, user = np.unique(np.array(visitors, object), return_inverse=True)
    _, item = np.unique(np.array(items, object), return_inverse=True)
    time = np.array(times, np.int64)
    order = np.lexsort((time, user))
    found = bots_among(user[order], item[order], time[order], len(names), settings.checks)
    return [str(names[one]) for one in found]
