"""Events on the console: the newest ones, whether one was taken, and how good they are."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from pawsonalize.domain.dead_letters import DeadLetter, Mentions
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.event_types import AS_SENT, EventTypes
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, Event, LoggedEvent, Visitor
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY, MINUTE, iso
from pawsonalize.engine.ingest.dead_letters import DeadLetters
from pawsonalize.engine.ingest.letter_replay import LetterReplay
from pawsonalize.engine.reporting.console.parameters import read_count, read_text
from pawsonalize.storage.animals import Animals
from pawsonalize.storage.archive_ledger import ArchiveLedger
from pawsonalize.storage.catalogue import Catalogue
from pawsonalize.storage.dead_letters import LetterQuery
from pawsonalize.storage.event_log import EventLog
from pawsonalize.storage.event_tail import EventTail, TailQuery
from pawsonalize.storage.histories import HistoryQuery

_LOOKED_AT = 5_000
_LETTERS = 2_000
_LETTERS_AT_ONCE = 500
_LETTERS_SHOWN = 20
_TYPES = 30
_BOTS = 20
_LATE = DAY
_AHEAD = 5 * MINUTE
_CURSOR = re.compile(r"\d{1,18}", re.ASCII)


class TailEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event as it was stored. `number` is its place in the log.

    `meaning` is what its type counts as; null for a type that nobody knows, which counts as a view.
    `isArchived` says whether the archive has it.
    """

    number: int
    event_id: str
    event_type: str
    meaning: str | None
    item_id: str
    animal_id: str | None
    user_id: str | None
    session_id: str | None
    sent_at: str
    received_at: str
    recommendation_id: str | None
    is_archived: bool


class RefusedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """A dead letter in short: what could not be taken, and why."""

    letter_id: str
    at: str
    source: str
    code: str
    message: str
    field: str | None


class EventAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Events, newest first; `nextCursor` fetches the next page and is null on the last.

    If an event, a session or a user is asked for, `verdict` says in words whether it was taken, and
    `refused` are the dead letters that name it, of the newest 2,000.
    """

    events: list[TailEvent]
    next_cursor: str | None
    verdict: str
    refused: list[RefusedEvent]


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


class LetterReason(msgspec.Struct, frozen=True, rename="camel"):
    """How many dead letters wait for one reason."""

    source: str
    code: str
    field: str | None
    letters: int


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


class ArchiveState(msgspec.Struct, frozen=True, rename="camel"):
    """What the archive holds. `waiting` are events that are in no object of it yet."""

    objects: int
    unconfirmed_objects: int
    events: int
    archived_through: int
    newest: int
    waiting: int


@dataclass(frozen=True, slots=True)
class TailLookup:
    """Which events; with an id of an event, a session or a user, whether they were taken."""

    event_id: str | None
    visitor: Visitor | None
    query: TailQuery


def read_tail(given: Mapping[str, str]) -> TailLookup:
    """What parameters ask for; InvalidInput for a bad one."""
    user, session = read_text(given, "userId"), read_text(given, "sessionId")
    cursor = given.get("cursor")
    if cursor is not None and not _CURSOR.fullmatch(cursor):
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    query = TailQuery(
        read_count(given, "limit", 25, 1, 500),
        before=None if cursor is None else int(cursor),
        event_type=read_text(given, "eventType"),
    )
    visitor = None if user is None and session is None else Visitor(user, session)
    return TailLookup(read_text(given, "eventId"), visitor, query)


Pace = Callable[[Sequence[str], Sequence[str], Sequence[int]], Sequence[str]]
"""Of the visitor, the item and the moment of each event: which visitors may be bots."""


@dataclass(frozen=True, slots=True)
class EventViews:
    """Looks at the events of any dataset group."""

    log: EventLog
    tail: EventTail
    letters: DeadLetters
    replay: LetterReplay
    animals: Animals
    catalogue: Catalogue
    ledger: ArchiveLedger
    pace: Pace

    def events(self, asked: TailLookup, group: str) -> EventAnswer:
        """The newest events, or those that are asked for, with what became of them."""
        found = self._found(asked, group)
        shown = found[: asked.query.limit]
        more = len(found) > len(shown)
        archived = self.ledger.totals()[3]
        named = [asked.event_id] if asked.event_id is not None else []
        if asked.visitor is not None:
            named += [one for one in (asked.visitor.user_id, asked.visitor.session_id) if one]
        refused = list(self._refused(named, group)) if named else []
        types = self.log.of(group).event_types
        return EventAnswer(
            [_event(one, types, archived) for one in shown],
            str(shown[-1].offset) if more else None,
            _verdict(asked, shown, refused) if named else "",
            refused,
        )

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
            [TypeCount(n, count, _meaning(n, types)) for n, count in counts.most_common(_TYPES)],
            self._bots(events),
            [
                LetterReason(one.source, one.code, one.field, one.count)
                for one in self.letters.reasons(LetterQuery(dataset_group=group))
            ],
        )

    def archive(self) -> ArchiveState:
        """What the archive holds, of all dataset groups."""
        objects, unconfirmed, events, through = self.ledger.totals()
        newest = self.log.head()
        return ArchiveState(objects, unconfirmed, events, through, newest, max(newest - through, 0))

    def _found(self, asked: TailLookup, group: str) -> list[LoggedEvent]:
        """One more than asked for, if there are more."""
        limit = asked.query.limit + 1
        if asked.event_id is not None:
            one = self.tail.of(group).find(asked.event_id)
            return [] if one is None else [one]
        if asked.visitor is not None:
            theirs = self.log.of(group).history(asked.visitor, HistoryQuery(asked.query.limit))
            return list(theirs)
        query = TailQuery(limit, before=asked.query.before, event_type=asked.query.event_type)
        return self.tail.of(group).newest(query)

    def _refused(self, named: Sequence[str], group: str) -> Iterator[RefusedEvent]:
        mentions, cursor, seen, shown = Mentions(named), None, 0, 0
        query = LetterQuery(dataset_group=group)
        while seen < _LETTERS:
            page = self.letters.page(_LETTERS_AT_ONCE, query, cursor)
            for letter in page.letters:
                if mentions.among(letter.raw, letter.mended):
                    yield _refusal(letter)
                    shown += 1
                    if shown == _LETTERS_SHOWN:
                        return
            seen, cursor = seen + len(page.letters), page.next_cursor
            if cursor is None:
                return

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
        keys = [_key(one) for one in events]
        found = self.pace(keys, [one.item_id for one in events], [one.sent_at for one in events])
        counts = Counter(keys)
        suspects = sorted(found, key=lambda key: -counts[key])[:_BOTS]
        return [
            SuspectedBot(
                key[2:] if key.startswith("u:") else None,
                key[2:] if key.startswith("s:") else None,
                counts[key],
            )
            for key in suspects
        ]


def _key(event: Event) -> str:
    return f"s:{event.session_id}" if event.user_id is None else f"u:{event.user_id}"


def _meaning(event_type: str, types: EventTypes) -> str | None:
    return types.meaning(event_type) if types.knows(event_type) else None


def _event(logged: LoggedEvent, types: EventTypes, archived: int) -> TailEvent:
    event = logged.event
    return TailEvent(
        logged.offset,
        event.event_id,
        event.event_type,
        _meaning(event.event_type, types),
        event.item_id,
        event.animal_id,
        event.user_id,
        event.session_id,
        iso(event.sent_at),
        iso(event.received_at),
        event.recommendation_id,
        logged.offset <= archived,
    )


def _refusal(letter: DeadLetter) -> RefusedEvent:
    return RefusedEvent(
        letter.letter_id, iso(letter.at), letter.source, letter.code, letter.message, letter.field
    )


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


def _verdict(
    asked: TailLookup, found: Sequence[LoggedEvent], refused: Sequence[RefusedEvent]
) -> str:
    """Whether what is asked for was taken, in words."""
    whose = "of that id" if asked.event_id is not None else "of this visitor"
    said = []
    if found and asked.event_id is not None:
        event = found[0].event
        said.append(f"Yes: it was accepted at {iso(event.received_at)} and is stored.")
        said.append("The same id counts once: sent again, it is a duplicate.")
    elif found:
        newest = max(one.event.received_at for one in found)
        said.append(f"Yes: events of this visitor are stored. The newest came in at {iso(newest)}.")
    if refused:
        first = refused[0]
        begin = "Some were refused" if found else "No: it was refused"
        said.append(f"{begin}. The newest reason: {first.message}.")
    if not said:
        said.append(
            f"No event {whose} is stored, and no dead letter names it. It never came in, it was"
            " refused and not kept, it has left the table for the archive, or its visitor was"
            " erased. The answer to the call that sent it says which."
        )
    return " ".join(said)
