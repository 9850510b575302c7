"""The log of events: one durable, de-duplicated append, and every way it is read."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, text

from pawsonalize.domain.event_types import AS_SENT, STANDARD, EventTypes
from pawsonalize.domain.events import ACTIONS, DEFAULT_DATASET_GROUP, Event, LoggedEvent, Visitor
from pawsonalize.storage.base import HistoryQuery, RecentEvent, Touched, TrainingRow
from pawsonalize.storage.sql import histories
from pawsonalize.storage.sql.animal_exposures import add_shown_animals
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.exposures import add_shown
from pawsonalize.storage.sql.ids import in_parts
from pawsonalize.storage.sql.tables import events, sessions
from pawsonalize.storage.sql.upsert import insert_new

_TRAINING_BATCH = 50_000
_ERASED_BATCH = 10_000  # between two of them, others may write
_ENCODE_ITEMS = msgspec.json.Encoder().encode
_DECODE_ITEMS = msgspec.json.Decoder(tuple[str, ...]).decode


class SqlEventLog:
    """`EventLog` on the events and sessions tables."""

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
        """See `EventLog.event_types`."""
        return AS_SENT if self._dataset_group.endswith(ACTIONS) else self._event_types

    def of(self, dataset_group: str) -> "SqlEventLog":
        """See `EventLog.of`."""
        return SqlEventLog(self._database, dataset_group, self._event_types)

    def append(self, batch: Sequence[Event]) -> list[bool]:
        """See `EventLog.append`."""
        if not batch:
            return []
        rows = [_row(event) for event in batch]
        with self._database.writing() as connection:
            before = _head(connection)
            stored = insert_new(connection, events, rows)
            fresh = None if stored == len(rows) else _ids_after(connection, before)
            flags = _flags(batch, fresh)
            # A duplicate does nothing: it is not in the log, so a replay would not see it.
            fresh_events = list(compress(batch, flags))
            _bind_sessions(connection, fresh_events)
            add_shown(connection, _reported(fresh_events))
            add_shown_animals(connection, _reported_animals(fresh_events))
        return flags

    def head(self) -> int:
        """See `EventLog.head`."""
        with self._database.reading() as connection:
            return _head(connection)

    def count(self) -> int:
        """See `EventLog.count`."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.count()).select_from(events)) or 0

    def types(self) -> dict[tuple[str, str], int]:
        """See `EventLog.types`."""
        kinds = (events.c.dataset_group, events.c.event_type)
        counted = select(*kinds, func.count()).group_by(*kinds)
        with self._database.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(counted)}

    def contains(self, event_id: str) -> bool:
        """See `EventLog.contains`."""
        with self._database.reading() as connection:
            found = select(events.c.offset).where(
                events.c.event_id == event_id, events.c.dataset_group == self._dataset_group
            )
            return connection.scalar(found) is not None

    def recent(self, visitor: Visitor, at: int, limit: int) -> list[RecentEvent]:
        """See `EventLog.recent`."""
        with self._database.reading() as connection:
            return histories.recent(connection, self._dataset_group, visitor, at, limit)

    def history(self, visitor: Visitor, query: HistoryQuery) -> list[LoggedEvent]:
        """See `EventLog.history`."""
        with self._database.reading() as connection:
            rows = histories.page(connection, self._dataset_group, visitor, query)
            return [logged(row) for row in rows]

    def read(self, after: int, through: int, limit: int) -> list[LoggedEvent]:
        """See `EventLog.read`."""
        rows = (
            select(events)
            .where(events.c.offset > after, events.c.offset <= through)
            .order_by(events.c.offset)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [logged(row) for row in connection.execute(rows)]

    def outcomes(self, after: int, limit: int) -> list[LoggedEvent]:
        """See `EventLog.outcomes`."""
        rows = (
            select(events)
            .where(
                events.c.offset > after,
                events.c.dataset_group == self._dataset_group,
                events.c.recommendation_id.is_not(None),
            )
            .order_by(events.c.offset)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [logged(row) for row in connection.execute(rows)]

    def restore(self, batch: Sequence[LoggedEvent]) -> None:
        """See `EventLog.restore`."""
        if not batch:
            return
        rows = [{"offset": logged.offset, **_row(logged.event)} for logged in batch]
        with self._database.writing() as connection:
            connection.execute(events.insert(), rows)
            _bind_sessions(connection, [logged.event for logged in batch])
            add_shown(connection, _reported(logged.event for logged in batch))
            if connection.dialect.name == "postgresql":
                # Explicit offsets do not move the counter; SQLite's follows by itself.
                connection.execute(
                    text("SELECT setval(pg_get_serial_sequence('events', 'offset'), :last)"),
                    {"last": batch[-1].offset},
                )

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence[TrainingRow]]:
        """See `EventLog.training_rows`."""
        while True:
            with self._database.reading() as connection:
                parameters = {
                    "group": self._dataset_group,
                    "after": after,
                    "through": through,
                    "until": until,
                }
                rows = connection.execute(_TRAINING_ROWS, parameters).all()
            if not rows:
                return
            after = rows[-1][0]
            yield [tuple(row[1:]) for row in rows]

    def bound(self, after: int, through: int) -> dict[str, str]:
        """See `EventLog.bound`."""
        named = (
            select(sessions.c.session_id, sessions.c.user_id)
            .distinct()
            .join(
                events,
                (events.c.session_id == sessions.c.session_id)
                & (events.c.dataset_group == sessions.c.dataset_group),
            )
            .where(
                events.c.offset > after,
                events.c.offset <= through,
                events.c.user_id.is_not(None),
                events.c.dataset_group == self._dataset_group,
            )
        )
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(named)}

    def touched(self, after: int, through: int) -> dict[str, Touched]:
        """See `EventLog.touched`."""
        counted = (
            select(events.c.item_id, func.count(), func.min(events.c.sent_at))
            .where(
                events.c.offset > after,
                events.c.offset <= through,
                events.c.dataset_group == self._dataset_group,
            )
            .group_by(events.c.item_id)
        )
        with self._database.reading() as connection:
            return {row[0]: Touched(row[1], row[2]) for row in connection.execute(counted)}

    def user_ids(self, after: str, limit: int) -> list[str]:
        """See `EventLog.user_ids`."""
        mine = (events.c.dataset_group == self._dataset_group, events.c.user_id > after)
        found = select(events.c.user_id).where(*mine).distinct()
        with self._database.reading() as connection:
            return list(connection.scalars(found.order_by(events.c.user_id).limit(limit)))

    def sessions_of(self, user_ids: Sequence[str]) -> list[str]:
        """See `EventLog.sessions_of`."""
        with self._database.reading() as connection:
            found: list[str] = []
            for part in in_parts(user_ids):
                found += connection.scalars(self._sessions_of(part))
            return found

    def erase_users(self, user_ids: Sequence[str]) -> int:
        """See `EventLog.erase_users`."""
        erased = 0
        with self._database.writing() as connection:
            for part in in_parts(user_ids):
                theirs = or_(
                    events.c.user_id.in_(part),
                    events.c.user_id.is_(None) & events.c.session_id.in_(self._sessions_of(part)),
                )
                mine = events.c.dataset_group == self._dataset_group
                erased += connection.execute(delete(events).where(mine, theirs)).rowcount
                bound = (sessions.c.dataset_group == self._dataset_group,)
                connection.execute(delete(sessions).where(*bound, sessions.c.user_id.in_(part)))
        return erased

    def _sessions_of(self, user_ids: Sequence[str]) -> Select[tuple[str]]:
        return select(sessions.c.session_id).where(
            sessions.c.dataset_group == self._dataset_group, sessions.c.user_id.in_(user_ids)
        )

    def erase(self, ids_like: str | None = None) -> int:
        """See `EventLog.erase`."""
        mine = events.c.dataset_group == self._dataset_group
        if ids_like is not None:
            mine &= events.c.event_id.startswith(ids_like, autoescape=True)
        erased = after = 0
        while True:
            with self._database.writing() as connection:
                page = select(events.c.offset).where(mine, events.c.offset > after)
                page = page.order_by(events.c.offset).limit(_ERASED_BATCH)
                last = connection.scalar(select(func.max(page.subquery().c.offset)))
                if last is None:
                    if ids_like is None:
                        of_mine = sessions.c.dataset_group == self._dataset_group
                        connection.execute(delete(sessions).where(of_mine))
                    return erased
                span = (events.c.offset > after, events.c.offset <= last)
                erased += connection.execute(delete(events).where(mine, *span)).rowcount
            after = last


_VISITOR_KEY = func.coalesce(
    "u:" + events.c.user_id, "u:" + sessions.c.user_id, "s:" + events.c.session_id
)
_TRAINING_ROWS = (
    select(
        events.c.offset,
        _VISITOR_KEY,
        events.c.item_id,
        events.c.event_type,
        events.c.sent_at,
        events.c.event_value,
        events.c.properties,
    )
    .select_from(
        events.outerjoin(
            sessions,
            (sessions.c.session_id == events.c.session_id)
            & (sessions.c.dataset_group == events.c.dataset_group)
            & events.c.user_id.is_(None),
        )
    )
    .where(
        events.c.offset > bindparam("after"),
        events.c.offset <= bindparam("through"),
        events.c.sent_at <= bindparam("until"),
        events.c.dataset_group == bindparam("group"),
    )
    .order_by(events.c.offset)
    .limit(_TRAINING_BATCH)
)


def _head(connection: Connection) -> int:
    return connection.scalar(select(func.max(events.c.offset))) or 0


def _ids_after(connection: Connection, offset: int) -> set[tuple[str, str]]:
    fresh = select(events.c.dataset_group, events.c.event_id).where(events.c.offset > offset)
    return {(group, event_id) for group, event_id in connection.execute(fresh)}


def _flags(batch: Sequence[Event], fresh: set[tuple[str, str]] | None) -> list[bool]:
    """Which events were stored; `fresh` are the ids this transaction added, None for all."""
    if fresh is None:
        return [True] * len(batch)
    flags = []
    for event in batch:
        named = (event.dataset_group, event.event_id)
        flags.append(named in fresh)
        fresh.discard(named)  # a second one in the same batch is a duplicate
    return flags


def _bind_sessions(connection: Connection, batch: Sequence[Event]) -> None:
    bound: dict[tuple[str, str], tuple[str, int]] = {}
    for event in batch:
        if event.user_id is not None and event.session_id is not None:
            session = (event.dataset_group, event.session_id)
            bound.setdefault(session, (event.user_id, event.sent_at))
    if bound:
        rows = [
            {"dataset_group": group, "session_id": session, "user_id": user, "bound_at": at}
            for (group, session), (user, at) in bound.items()
        ]
        insert_new(connection, sessions, rows)


def _reported(batch: Iterable[Event]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """What events say was shown, and when; what was our own answer is counted there."""
    for event in batch:
        if event.impression and event.recommendation_id is None:
            yield event.dataset_group, min(event.sent_at, event.received_at), event.impression


def _reported_animals(batch: Iterable[Event]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The same of individual animals, with the moment at which it is counted."""
    for event in batch:
        if event.impression and event.recommendation_id is None:
            yield event.received_at, event.impression


def _row(event: Event) -> dict[str, Any]:
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


def logged(row: Row[Any]) -> LoggedEvent:
    """An event as it lies in its row."""
    columns = dict(row._mapping)
    offset = columns.pop("offset")
    shown = columns.pop("impression")
    return LoggedEvent(offset, Event(**columns, impression=_DECODE_ITEMS(shown) if shown else ()))
