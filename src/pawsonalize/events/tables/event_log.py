"""The log of events: one durable, de-duplicated append, and all ways to read it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress
from typing import ClassVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, delete, func, select

from pawsonalize.animals.tables.exposures import add_shown, add_shown_animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import insert_new, means, rows_of
from pawsonalize.core.database.tables import events, sessions
from pawsonalize.core.event import (
    ACTIONS,
    AS_SENT,
    DEFAULT_DATASET_GROUP,
    STANDARD,
    Event,
    EventTypes,
    LoggedEvent,
)
from pawsonalize.events.tables import log_start
from pawsonalize.events.tables.event_reads import (
    IS_IMPORTED,
    NO_ANSWER_TO_A_BOARD,
    as_row,
    read_event_row,
    reporting_lists,
)
from pawsonalize.events.tables.group_usage import DailyLimits, apply_limits, count_events
from pawsonalize.events.tables.histories import DEED, OF_AN_ANIMAL, Deed, Histories
from pawsonalize.events.tables.raw_events import add_raws, take_out_raws
from pawsonalize.events.tables.training_files import TRAINING_ROWS

_PART = 10_000
_ERASED_BATCH = 10_000  # between two of them, others may write


class Touched(msgspec.Struct, frozen=True):
    """Number and earliest moment of an item's events in a part of the log."""

    events: int  # number of events
    first_sent_at: int  # when the first of them was sent


TrainingRow = tuple[str, str, str, int, float | None, str | None]
"""(visitor key, item_id, event_type, sent_at, event_value, properties).

The key is `u:` and the user's id, or `s:` and the session's id. A session that is bound to a user
counts as the user.
"""


# All dataset groups share one log. `append`, `take_in`, `head`, `count`, `types`, `read` and
# `restore` are about all of them. Every other method is about one dataset group.
class EventLog(Histories):
    """The events table. Events are only appended; offsets grow in the order of commits."""

    def __init__(
        self,
        database: Database,
        dataset_group: str = DEFAULT_DATASET_GROUP,
        event_types: EventTypes = STANDARD,
        *,
        keeps_raw: bool = True,
    ) -> None:
        super().__init__(database, dataset_group)
        self._event_types = event_types
        self._keeps_raw = keeps_raw

    has_digests: ClassVar[bool] = False
    """True if training rows name visitors by digests of their keys."""

    @property
    def event_types(self) -> EventTypes:
        """Meanings of the types of its events."""
        # The table keeps each type as it was sent.
        return AS_SENT if self._dataset_group.endswith(ACTIONS) else self._event_types

    @property
    def dataset_group(self) -> str:
        """Dataset group of its events, except in calls about all groups."""
        return self._dataset_group

    def append(self, batch: Sequence[Event]) -> list[bool]:
        """Store events durably, in order and in one transaction: all of them or none.

        Returns one flag for each event: True if it is stored, False if its dataset group already
        has its event id, in the table or earlier in this call. An event with a user and a session
        binds the session to the user. A session stays with its first user.
        """
        if not batch:
            return []
        with self._database.writing() as connection:
            return self._stored(connection, batch)

    def take_in(self, batch: Sequence[Event], limits: DailyLimits) -> list[bool | None]:
        """Store counted events within limits; the flag of one beyond its limit is None."""
        if not batch:
            return []
        with self._database.writing() as connection:
            allowed = apply_limits(connection, batch, limits)
            stored = iter(self._stored(connection, list(compress(batch, allowed))))
            flags = [next(stored) if one else None for one in allowed]
            count_events(connection, batch, flags)
        return flags

    def _stored(self, connection: Connection, batch: Sequence[Event]) -> list[bool]:
        if not batch:
            return []
        before = _head(connection)
        stored = insert_new(connection, events, [as_row(event) for event in batch])
        offsets = _offsets(connection, batch, before, stored)
        flags = [offset is not None for offset in offsets]
        if self._keeps_raw:
            pairs = zip(offsets, batch, strict=True)
            raws = {at: one.raw for at, one in pairs if at is not None and one.raw is not None}
            add_raws(connection, raws)
        # A duplicate does nothing: it is not in the log, so a replay would not see it.
        fresh = list(compress(batch, flags))
        _bind_sessions(connection, fresh)
        add_shown(connection, _reported_lists(fresh))
        lists = [(one.received_at, one.impression) for one in reporting_lists(fresh)]
        add_shown_animals(connection, lists)
        return flags

    def head(self) -> int:
        """The highest offset ever given, 0 for an empty log."""
        return self._with(_head)

    def forgotten_through(self) -> int:
        """The offset up to which events have left the table; 0 if none have."""
        return self._with(log_start.forgotten_through)

    def left_early(self) -> dict[str, int]:
        """Up to which offsets events of dataset groups have left the table before the others'."""
        return self._with(log_start.left_early)

    def rows_through(self, through: int) -> int:
        """Count the dataset group's events with `offset <= through`. Reads them all."""
        mine = (self._mine(events), events.c.offset <= through)
        return int(self._scalar(select(func.count()).select_from(events).where(*mine)))

    def is_empty(self) -> bool:
        """True if there is no event of the dataset group."""
        return not self._rows(select(events.c.offset).where(self._mine(events)).limit(1))

    def count(self) -> int:
        """Count the events of all dataset groups. Reads the whole log."""
        return int(self._scalar(select(func.count()).select_from(events)))

    def types(self) -> dict[tuple[str, str], int]:
        """Count the events of each dataset group by type, as sent. Reads the whole log."""
        kinds = (events.c.dataset_group, events.c.event_type)
        counted = select(*kinds, func.count()).group_by(*kinds)
        return {(row[0], row[1]): row[2] for row in self._rows(counted)}

    def deeds(self, after: int, limit: int) -> list[Deed]:
        """Events with animals and `after < offset`, in the order of offsets; no picks."""
        return self._deeds(OF_AN_ANIMAL & NO_ANSWER_TO_A_BOARD, after, limit)

    def picks(self, after: int, limit: int) -> list[Deed]:
        """The answers to boards with `after < offset`, in the order of offsets."""
        return self._deeds(~NO_ANSWER_TO_A_BOARD, after, limit)

    def _deeds(self, those: ColumnElement[bool], after: int, limit: int) -> list[Deed]:
        found = select(*DEED).where(those, events.c.offset > after, self._mine(events))
        return [Deed(*row) for row in self._rows(found.order_by(events.c.offset).limit(limit))]

    def read(self, after: int, through: int, limit: int) -> list[LoggedEvent]:
        """Events with `after < offset <= through`, in the order of offsets."""
        wanted = select(events).where(events.c.offset > after, events.c.offset <= through)
        rows = self._rows(wanted.order_by(events.c.offset).limit(limit))
        return [read_event_row(row) for row in rows]

    def read_all(self, after: int, through: int) -> Iterator[LoggedEvent]:
        """The same in parts."""
        # So few of them are in memory, and no transaction lasts.
        while part := self.read(after, through, _PART):
            yield from part
            after = part[-1].offset

    def outcomes(self, after: int, limit: int) -> list[LoggedEvent]:
        """Events with `after < offset` that have a recommendation id, in the order of offsets."""
        named = events.c.recommendation_id.is_not(None)
        return self._events(events.c.offset > after, named, limit=limit)

    # These two are slow: for reports, never for answers.
    def of_meanings(
        self, meanings: Collection[str], since: int, until: int, after: int, limit: int
    ) -> list[LoggedEvent]:
        """Events of these meanings, sent from `since` to before `until`, beyond offset `after`."""
        of_these = means(self.event_types, meanings)
        return self._events(events.c.offset > after, of_these, *_sent(since, until), limit=limit)

    def sessions(self, since: int, until: int) -> set[str]:
        """The ids of the sessions that have an event sent in that time."""
        session = events.c.session_id
        wanted = select(session).where(
            self._mine(events), session.is_not(None), *_sent(since, until)
        )
        return set(self._scalars(wanted.distinct()))

    def most_sessions(self) -> tuple[str, int]:
        """The user with most sessions, and how many; none of nobody."""
        user, count = sessions.c.user_id, func.count().label("count")
        wanted = select(user, count).where(self._mine(sessions)).group_by(user)
        return self._first(wanted.order_by(count.desc(), user))

    def most_events(self) -> tuple[str, int]:
        """The session with most events of nobody, and how many; none of no session."""
        session, count = events.c.session_id, func.count().label("count")
        wanted = select(session, count).where(self._mine(events), events.c.user_id.is_(None))
        return self._first(wanted.group_by(session).order_by(count.desc(), session))

    def _first(self, wanted: Select[tuple[str, int]]) -> tuple[str, int]:
        rows = self._rows(wanted.limit(1))
        return (rows[0][0], rows[0][1]) if rows else ("", 0)

    def users_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """The user of each of these sessions that is bound to one."""
        bound = select(sessions.c.session_id, sessions.c.user_id).where(self._mine(sessions))
        found = self._with(rows_of, bound, sessions.c.session_id, session_ids)
        return {row[0]: row[1] for row in found}

    def restore(self, batch: Sequence[LoggedEvent]) -> None:
        """Write events at the offsets they had, for a replay. The offsets must be free."""
        if not batch:
            return
        rows = [{"offset": one.offset, **as_row(one.event)} for one in batch]
        with self._database.writing() as connection:
            connection.execute(events.insert(), rows)
            for group in {one.event.dataset_group for one in batch}:
                log_start.forget_table(connection, group)
            _bind_sessions(connection, [one.event for one in batch])
            add_shown(connection, _reported_lists(one.event for one in batch))
            log_start.go_on_after(connection, batch[-1].offset)

    def restored(self, last: int, other_through: int) -> None:
        """After a replay: new events get offsets beyond `last`, the archive's last one."""
        # Up to the other offset the table does not hold all that the archive does, as if events had
        # left it.
        with self._database.writing() as connection:
            log_start.go_on_after(connection, last)
            log_start.forget_through(connection, other_through)

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence[TrainingRow]]:
        """Batches, in order, of events with `after < offset <= through` and `sent_at <= until`."""
        span = {"group": self._dataset_group, "through": through, "until": until}
        while rows := self._rows(TRAINING_ROWS, span | {"after": after}):
            after = rows[-1][0]
            yield [tuple(row[1:]) for row in rows]

    def bound(self, after: int, through: int) -> dict[str, str]:
        """The user of each session with an event of a user in `after < offset <= through`."""
        # Not a join: SQLite would look through the events of the span for each session there is.
        of_users = select(events.c.session_id).where(
            *self._between(after, through), events.c.user_id.is_not(None)
        )
        named = select(sessions.c.session_id, sessions.c.user_id).where(
            self._mine(sessions), sessions.c.session_id.in_(of_users)
        )
        return {row[0]: row[1] for row in self._rows(named)}

    def touched(self, after: int, through: int) -> dict[str, Touched]:
        """Return each item's events in `after < offset <= through`; none for an item without."""
        counted = select(events.c.item_id, func.count(), func.min(events.c.sent_at))
        those = (*self._between(after, through), NO_ANSWER_TO_A_BOARD)
        counted = counted.where(*those).group_by(events.c.item_id)
        return {row[0]: Touched(row[1], row[2]) for row in self._rows(counted)}

    def _between(self, after: int, through: int) -> tuple[ColumnElement[bool], ...]:
        return events.c.offset > after, events.c.offset <= through, self._mine(events)

    def user_ids(self, after: str, limit: int) -> list[str]:
        """The ids of users who have events, sorted: at most `limit`, beyond the id `after`."""
        found = select(events.c.user_id).where(self._mine(events), events.c.user_id > after)
        return list(self._scalars(found.distinct().order_by(events.c.user_id).limit(limit)))

    def erase(self, *, imported_only: bool = False) -> int:
        """Delete the dataset group's events and sessions, or its imported events; count events."""
        # This takes several transactions, so a reader may meanwhile find some of the events.
        mine = self._mine(events)
        with self._database.writing() as connection:
            # Before the first event goes, so that no training reads a table of the log as it was.
            log_start.forget_table(connection, self._dataset_group)
        if imported_only:
            mine &= IS_IMPORTED
        erased = after = 0
        while True:
            with self._database.writing() as connection:
                # By pages, since one DELETE of all would keep every other writer waiting.
                page = select(events.c.offset).where(mine, events.c.offset > after)
                page = page.order_by(events.c.offset).limit(_ERASED_BATCH)
                last = connection.scalar(select(func.max(page.subquery().c.offset)))
                if last is None:
                    if not imported_only:
                        connection.execute(delete(sessions).where(self._mine(sessions)))
                    return erased
                span = mine & (events.c.offset > after) & (events.c.offset <= last)
                take_out_raws(connection, span)
                erased += connection.execute(delete(events).where(span)).rowcount
            after = last


_HEAD = select(func.max(events.c.offset), log_start.FORGOTTEN.scalar_subquery())


def _sent(since: int, until: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return events.c.sent_at >= since, events.c.sent_at < until


def _head(connection: Connection) -> int:
    newest, forgotten = connection.execute(_HEAD).one()
    return max(newest or 0, forgotten or 0)


def _offsets(
    connection: Connection, batch: Sequence[Event], before: int, stored: int
) -> list[int | None]:
    """The offsets of the events that this transaction stored, None for those that were there."""
    # As a rule there is no duplicate, and the offsets follow each other.
    if stored == len(batch) and _head(connection) == before + stored:
        return list(range(before + 1, before + stored + 1))
    fresh = select(events.c.dataset_group, events.c.event_id, events.c.offset)
    found = connection.execute(fresh.where(events.c.offset > before))
    offsets = {(group, event_id): offset for group, event_id, offset in found}
    # A second one in the same batch is a duplicate.
    return [offsets.pop((event.dataset_group, event.event_id), None) for event in batch]


def _reported_lists(batch: Iterable[Event]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for one in reporting_lists(batch):
        yield one.dataset_group, min(one.sent_at, one.received_at), one.impression


def _bind_sessions(connection: Connection, batch: Sequence[Event]) -> None:
    bound: dict[tuple[str, str], tuple[str, int]] = {}
    for event in batch:
        if event.user_id is not None and event.session_id is not None:
            session = (event.dataset_group, event.session_id)
            # A session stays with its first user.
            bound.setdefault(session, (event.user_id, event.sent_at))
    if bound:
        rows = [
            {"dataset_group": group, "session_id": session, "user_id": user, "bound_at": at}
            for (group, session), (user, at) in bound.items()
        ]
        insert_new(connection, sessions, rows)
