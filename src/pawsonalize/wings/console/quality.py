"""Quality of the newest events: faults with their remedies, types, and suspected bots."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

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
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.event_reads import GroupEvents, TailQuery
from pawsonalize.wings.console.events import meaning_of

_LOOKED_AT = 5_000
_TYPES = 30
_BOTS = 20
_AHEAD = 5 * MINUTE

# Faults of single events: code, what such events do, the remedy, and the test of an event.
_FAULTS: tuple[tuple[str, str, str, Callable[[Event], bool]], ...] = (
    (
        "no_recommendation_id",
        "do not name the answer that led to them, so nothing is learned of what was passed by",
        "send the recommendationId of the answer with each event that it led to",
        lambda one: one.recommendation_id is None,
    ),
    (
        "no_user",
        "have no user: they count for their session alone",
        "send the userId once somebody is signed in; of all others this is as it should be",
        lambda one: one.user_id is None,
    ),
    (
        "late",
        "came in more than a day after they happened",
        "look whether a sender was away, and at the unit of its moments; old events that were"
        " imported are no fault",
        lambda one: one.received_at - one.sent_at > DAY,
    ),
    (
        "ahead",
        "say that they happened later than they came in",
        "set the sender's clock, or leave sentAt out",
        lambda one: one.sent_at - one.received_at > _AHEAD,
    ),
)


class QualityCheck(msgspec.Struct, frozen=True, rename="camel"):
    """Number of the events looked at that have one fault; `examples` are values that have it."""

    code: str
    says: str
    events: int
    share: float
    fix: str
    examples: list[str]


class TypeCount(msgspec.Struct, frozen=True, rename="camel"):
    """Number of the events looked at of one type; `meaning` is null for one that nobody knows."""

    event_type: str
    events: int
    meaning: str | None


class SuspectedBot(msgspec.Struct, frozen=True, rename="camel"):
    """A visitor whose events follow each other faster than a person reads."""

    user_id: str | None
    session_id: str | None
    events: int


class DataReport(msgspec.Struct, frozen=True, rename="camel"):
    """Quality of the newest 5,000 events of a dataset group, and reasons of refused ones.

    Trainings leave suspected bots in, and warn of them: the data are yours to mend.
    """

    looked_at: int
    since: str | None
    checks: list[QualityCheck]
    types: list[TypeCount]
    bots: list[SuspectedBot]
    letters: list[LetterReason]


class QualityViews(msgspec.Struct, frozen=True):
    """Judges the events of a dataset group."""

    _settings: Settings
    _reads: Database
    _log: EventLog
    _refusals: RefusalReports | None

    def report(self, group: str) -> DataReport:
        """Return faults, types and suspected bots of the newest events."""
        found = GroupEvents(self._reads, group).newest(TailQuery(_LOOKED_AT))
        events = [one.event for one in found]
        types = self._log.of(group).event_types
        counts = Counter(one.event_type for one in events)
        return DataReport(
            len(events),
            iso(events[-1].received_at) if events else None,
            [_check(events, *fault) for fault in self._faults(events, group, types)],
            [TypeCount(n, count, meaning_of(n, types)) for n, count in counts.most_common(_TYPES)],
            self._bots(events),
            [] if self._refusals is None else self._refusals.reasons(group),
        )

    def _faults(
        self, events: Sequence[Event], group: str, types: EventTypes
    ) -> Iterator[tuple[str, str, str, list[str | None]]]:
        """Yield the code of each fault, what it is, its remedy, and the values that have it."""
        if types is not AS_SENT:
            yield (
                "unknown_types",
                "have a type that nobody knows: it counts as a view",
                "name what the type means in the setting event_types",
                [one.event_type for one in events if not types.knows(one.event_type)],
            )
        if group == DEFAULT_DATASET_GROUP:
            named = {one.animal_id for one in events if one.animal_id is not None}
            known = Animals(self._reads).get_many(sorted(named))
            yield (
                "unknown_animals",
                "name an animal that is not in the inventory",
                "send the inventory before its events, and use the same ids in both",
                [i for one in events if (i := one.animal_id) and i not in known],
            )
        items = Catalogue(self._reads, group)
        odd = {one.item_id for one in events if AnimalGroup.parse(one.item_id) is None}
        bare = {item for item in odd if items.item(item) is None}
        yield (
            "unknown_items",
            "are about an item that has no attributes",
            "import the items, or send animalMetadata with each event",
            [one.item_id for one in events if one.item_id in bare],
        )
        for code, says, fix, is_faulty in _FAULTS:
            yield code, says, fix, [one.event_type for one in events if is_faulty(one)]

    def _bots(self, events: Sequence[Event]) -> list[SuspectedBot]:
        """Find visitors whose pace is that of bots, by the checks before a training."""
        if not events:
            return []
        keys = [visitor_key(one.user_id, one.session_id) for one in events]
        counts = Counter(keys)
        names, user = np.unique(np.array(keys, object), return_inverse=True)
        _, item = np.unique(np.array([one.item_id for one in events], object), return_inverse=True)
        time = np.array([one.sent_at for one in events], np.int64)
        order = np.lexsort((time, user))
        checks = self._settings.checks
        found = bots_among(user[order], item[order], time[order], len(names), checks)
        suspects = sorted((str(names[one]) for one in found), key=lambda key: -counts[key])
        return [
            SuspectedBot(
                key[2:] if key.startswith(USER_KEY) else None,
                key[2:] if key.startswith(SESSION_KEY) else None,
                counts[key],
            )
            for key in suspects[:_BOTS]
        ]


def _check(
    events: Sequence[Event], code: str, says: str, fix: str, values: Sequence[str | None]
) -> QualityCheck:
    share = len(values) / len(events) if events else 0.0
    commonest = Counter(one for one in values if one is not None).most_common(5)
    return QualityCheck(code, says, len(values), share, fix, [value for value, _ in commonest])
