"""Events read for pages and reports: the newest, those of a time, single ones by their ids."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, func, select

from pawsonalize.domain.events import (
    DEFAULT_DATASET_GROUP,
    STANDARD,
    Event,
    EventTypes,
    LoggedEvent,
)
from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import means
from pawsonalize.storage.tables import events, sessions

_ENCODE_ITEMS = msgspec.json.Encoder().encode
_DECODE_ITEMS = msgspec.json.Decoder(tuple[str, ...]).decode


def as_row(event: Event) -> dict[str, Any]:
    """The event's columns. The offset is missing: the table gives it."""
    return {
        "event_id": event.event_id,
        "user_id": event.user_id,
        "session_id": event.session_id,
        "event_type": event.event_type,
        "item_id": event.item_id,
        "sent_at": event.sent_at,
        "received_at": event.received_at,
        "animal_id": event.animal_id,
        "event_value": event.event_value,
        "recommendation_id": event.recommendation_id,
        "impression": _ENCODE_ITEMS(event.impression).decode() if event.impression else None,
        "properties": event.properties,
        "dataset_group": event.dataset_group,
    }


def read_event_row(row: Row[Any]) -> LoggedEvent:
    """The event of a row, with its offset."""
    columns = dict(row._mapping)
    offset = columns.pop("offset")
    shown = columns.pop("impression")
    return LoggedEvent(offset, Event(**columns, impression=_DECODE_ITEMS(shown) if shown else ()))


def reported_lists(batch: Iterable[Event]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The lists that events report: dataset group, moment, ids.

    An event with a recommendation id reports one of our own answers. Answers are counted when
    they are given, so its list is left out here.
    """
    for event in batch:
        if event.impression and event.recommendation_id is None:
            yield event.dataset_group, min(event.sent_at, event.received_at), event.impression


def reported_animals(batch: Iterable[Event]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The same lists, to count individual animals: the moment of counting, ids."""
    for event in batch:
        if event.impression and event.recommendation_id is None:
            yield event.received_at, event.impression


_WINDOW = 200_000  # offsets: what is looked through at most, whoever else fills the log


@dataclass(frozen=True, slots=True)
class TailQuery:
    """Conditions on the newest events; None means any."""

    limit: int
    after: int = 0
    """Only those beyond this offset."""
    before: int | None = None
    """Only those in front of this offset."""
    event_type: str | None = None
    """Of this type, as it was sent."""


class EventTail:
    """The newest events of one dataset group."""

    def __init__(self, database: Database, dataset_group: str = DEFAULT_DATASET_GROUP) -> None:
        self._database = database
        self._dataset_group = dataset_group

    def of(self, dataset_group: str) -> "EventTail":
        """The newest events of another dataset group."""
        return EventTail(self._database, dataset_group)

    def newest(self, query: TailQuery) -> list[LoggedEvent]:
        """Events among the last 200,000 of the log, newest first."""
        with self._database.reading() as connection:
            newest = connection.scalar(select(func.max(events.c.offset))) or 0
            end = newest + 1 if query.before is None else query.before
            wanted = (
                select(events)
                .where(
                    events.c.dataset_group == self._dataset_group,
                    events.c.offset < end,
                    events.c.offset > max(query.after, end - _WINDOW),
                )
                .order_by(events.c.offset.desc())
                .limit(query.limit)
            )
            if query.event_type is not None:
                wanted = wanted.where(events.c.event_type == query.event_type)
            return [read_event_row(row) for row in connection.execute(wanted)]

    def find(self, event_id: str) -> LoggedEvent | None:
        """The stored event of that id, or None."""
        wanted = select(events).where(
            events.c.event_id == event_id, events.c.dataset_group == self._dataset_group
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else read_event_row(row)


_SESSIONS_AT_ONCE = 500  # parameters of one statement


class Outcomes:
    """Reads the events of one dataset group by meaning and time.

    Each call reads the whole time that it is given, so it is for reports and never for answers.
    """

    def __init__(
        self,
        database: Database,
        dataset_group: str = DEFAULT_DATASET_GROUP,
        event_types: EventTypes = STANDARD,
    ) -> None:
        self._database = database
        self._dataset_group = dataset_group
        self._event_types = event_types

    @property
    def event_types(self) -> EventTypes:
        """Meanings of the types of events."""
        return self._event_types

    def of(self, dataset_group: str) -> "Outcomes":
        """The outcomes of another dataset group."""
        return Outcomes(self._database, dataset_group, self._event_types)

    def events(
        self, meanings: Collection[str], since: int, until: int, after: int, limit: int
    ) -> list[LoggedEvent]:
        """Events of these meanings, sent from `since` to before `until`, beyond offset `after`."""
        wanted = (
            select(events)
            .where(
                events.c.offset > after,
                events.c.dataset_group == self._dataset_group,
                means(self._event_types, meanings),
                events.c.sent_at >= since,
                events.c.sent_at < until,
            )
            .order_by(events.c.offset)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()  # far quicker than one by one
            return [read_event_row(row) for row in rows]

    def sessions(self, since: int, until: int) -> set[str]:
        """The ids of the sessions that have an event sent in that time."""
        wanted = (
            select(events.c.session_id)
            .where(
                events.c.dataset_group == self._dataset_group,
                events.c.session_id.is_not(None),
                events.c.sent_at >= since,
                events.c.sent_at < until,
            )
            .distinct()
        )
        with self._database.reading() as connection:
            return {row[0] for row in connection.execute(wanted)}

    def users_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """The user of each of these sessions that is bound to one."""
        ids, found = sorted(session_ids), {}
        with self._database.reading() as connection:
            for begin in range(0, len(ids), _SESSIONS_AT_ONCE):
                wanted = select(sessions.c.session_id, sessions.c.user_id).where(
                    sessions.c.dataset_group == self._dataset_group,
                    sessions.c.session_id.in_(ids[begin : begin + _SESSIONS_AT_ONCE]),
                )
                found.update({row[0]: row[1] for row in connection.execute(wanted)})
        return found
