"""Rows of the log: written, read for pages and reports, kept as they came in, and let go."""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
import zstandard
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from pawsonalize.core.database.statements import PreparedSelect, in_parts, upsert
from pawsonalize.core.database.table_access import GroupTables, TableAccess
from pawsonalize.core.database.tables import (
    events,
    log_marks,
    raw_events,
    sessions,
    training_tables,
)
from pawsonalize.core.event import (
    ACTIONS,
    DEFAULT_DATASET_GROUP,
    IMPORTED,
    IMPORTED_LENGTH,
    PICKS,
    UNPICK,
    Event,
    LoggedEvent,
    Visitor,
    standing,
)
from pawsonalize.events.archive.tables import archived_through

_ENCODE_ITEMS = msgspec.json.Encoder().encode
_DECODE_ITEMS = msgspec.json.Decoder(tuple[str, ...]).decode
_COPIED = [one.key for one in events.columns if one.key not in {"offset", "impression"}]
NO_ANSWER_TO_A_BOARD: ColumnElement[bool] = or_(
    and_(*(events.c.event_type != one for one in PICKS)),
    events.c.dataset_group != DEFAULT_DATASET_GROUP,
)
"""Events that count for others than their visitor."""
IS_IMPORTED = and_(
    events.c.event_id.startswith(IMPORTED, autoescape=True),
    func.length(events.c.event_id) == IMPORTED_LENGTH,
    events.c.session_id.is_(None),
)
"""`Event.is_imported` of a row."""
_WINDOW = 200_000  # offsets: what is looked through at most, whoever else fills the log


def as_row(event: Event) -> dict[str, object]:
    """The event's columns, but for the offset."""
    # The table gives that one.
    shown = _ENCODE_ITEMS(event.impression).decode() if event.impression else None
    return {name: getattr(event, name) for name in _COPIED} | {"impression": shown}


def read_event_row(row: Row[object]) -> LoggedEvent:
    """The event of a row, with its offset."""
    columns = dict(row._mapping)
    offset = columns.pop("offset")
    shown = columns.pop("impression")
    return LoggedEvent(offset, Event(**columns, impression=_DECODE_ITEMS(shown) if shown else ()))


def reporting_lists(batch: Iterable[Event]) -> Iterator[Event]:
    """The events that report a list of shown items."""
    # One with a recommendation id reports an answer, which was counted when it was given.
    return (one for one in batch if one.impression and one.recommendation_id is None)


class TailQuery(msgspec.Struct, frozen=True):
    """Conditions on the newest events; None means any."""

    limit: int
    after: int = 0  # only those beyond this offset
    before: int | None = None  # only those in front of this offset
    event_type: str | None = None  # of this type, as it was sent
    animal_id: str | None = None  # about this animal
    window: int = _WINDOW  # how many offsets are looked through at most


class GroupEvents(GroupTables):
    """Events of one dataset group."""

    def _events(self, *where: ColumnElement[bool], limit: int | None = None) -> list[LoggedEvent]:
        """Return the events that fulfil the conditions, in the order of offsets."""
        wanted = select(events).where(self._mine(events), *where).order_by(events.c.offset)
        # All rows at once are read far quicker than one by one.
        return [read_event_row(row) for row in self._rows(wanted.limit(limit))]

    def newest(self, query: TailQuery) -> list[LoggedEvent]:
        """Events among the last of the log, newest first: 200,000 at most."""
        end = query.before
        if end is None:
            end = (self._scalar(select(func.max(events.c.offset))) or 0) + 1
        begin = max(query.after, end - query.window)
        wanted = select(events).where(
            self._mine(events), events.c.offset < end, events.c.offset > begin
        )
        if query.event_type is not None:
            wanted = wanted.where(events.c.event_type == query.event_type)
        if query.animal_id is not None:
            wanted = wanted.where(events.c.animal_id == query.animal_id)
        newest_first = wanted.order_by(events.c.offset.desc()).limit(query.limit)
        return [read_event_row(row) for row in self._rows(newest_first)]

    def find(self, event_id: str) -> LoggedEvent | None:
        """The stored event of that id, or None."""
        return next(iter(self._events(events.c.event_id == event_id)), None)


_FORGOTTEN = "forgotten through"
_EARLY = "forgotten early of "
# Each database has its own counter of offsets.
_COUNT_ON = {
    "sqlite": (
        "UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = 'events'",
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'events', :last"
        " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events')",
    ),
    "postgresql": (
        "SELECT setval(name, greatest(:last, nextval(name)))"
        " FROM (SELECT pg_get_serial_sequence('events', 'offset') AS name) AS counter",
    ),
}
FORGOTTEN = select(log_marks.c.offset).where(log_marks.c.name == _FORGOTTEN)


class LogStart(TableAccess):
    """Lets the oldest events leave the table, of all dataset groups, in the order of the log."""

    def forget(self, through: int, limit: int) -> int:
        """Delete the oldest events up to the offset, at most so many; returns how many."""
        with self._database.writing() as connection:
            rows = connection.execute(_OLDEST.where(events.c.offset <= through).limit(limit)).all()
            # A full page may end earlier: the rest is for the next call.
            last: int = rows[-1].offset if len(rows) == limit else through
            if last <= forgotten_through(connection):  # a replay had brought them back
                for group in {row.dataset_group for row in rows}:
                    forget_table(connection, group)
            forget_through(connection, last)
            connection.execute(delete(events).where(events.c.offset <= last))
            connection.execute(delete(raw_events).where(raw_events.c.last <= last))
            _release_of(connection, rows)
        return len(rows)

    def forget_of(self, group: str, after: int, through: int, limit: int) -> int:
        """Delete the oldest events of a dataset group between offsets; their raws are archived."""
        of_group = events.c.dataset_group.in_([group, f"{group}{ACTIONS}"])
        theirs = of_group & (events.c.offset > after) & (events.c.offset <= through)
        with self._database.writing() as connection:
            rows = connection.execute(_OLDEST.where(theirs).limit(limit)).all()
            last: int = rows[-1].offset if len(rows) == limit else through
            upsert(connection, log_marks, [{"name": f"{_EARLY}{group}", "offset": last}])
            connection.execute(delete(events).where(theirs, events.c.offset <= last))
            _release_of(connection, rows)
        return len(rows)

    def release_archived(self, bound_before: int) -> int:
        """Forget whose archived sessions are that were bound before then; returns how many."""
        with self._database.writing() as connection:
            old = sessions.c.is_archived & (sessions.c.bound_at < bound_before) & ~_has_events()
            return connection.execute(delete(sessions).where(old)).rowcount


def left_early(connection: Connection) -> dict[str, int]:
    """Up to which offsets events of dataset groups have left the table before the others'."""
    early = select(log_marks.c.name, log_marks.c.offset).where(log_marks.c.name.startswith(_EARLY))
    return {row.name.removeprefix(_EARLY): row.offset for row in connection.execute(early)}


def forgotten_through(connection: Connection) -> int:
    """The offset up to which events have left the table."""
    return connection.scalar(FORGOTTEN) or 0


def forget_through(connection: Connection, offset: int) -> None:
    """Note that events have left the table up to there."""
    if offset > forgotten_through(connection):
        upsert(connection, log_marks, [{"name": _FORGOTTEN, "offset": offset}])


def forget_table(connection: Connection, dataset_group: str) -> None:
    """Let the training table of a dataset group be made anew: its part of the log has changed."""
    mine = training_tables.c.dataset_group == dataset_group
    connection.execute(delete(training_tables).where(mine))


def go_on_after(connection: Connection, last: int) -> None:
    """Let the next event get an offset beyond that one, if it would not already."""
    for statement in _COUNT_ON[connection.dialect.name] if last else ():
        connection.execute(text(statement), {"last": last})


_OLDEST = select(
    events.c.offset,
    events.c.dataset_group,
    events.c.session_id,
    events.c.user_id.is_(None).label("is_anonymous"),
).order_by(events.c.offset)


def _release_of(connection: Connection, rows: Sequence[Row[object]]) -> None:
    """Let go of the sessions of events that have left, where nothing needs them."""
    # A session of which no event is left is bound to nobody any more, unless the archive has events
    # of it that do not name its user: who is erased later is erased from those, too.
    named = {
        (row.dataset_group, row.session_id, row.is_anonymous) for row in rows if row.session_id
    }
    for group in {group for group, _, _ in named}:
        mine = sessions.c.dataset_group == group
        anonymous = sorted(name for of, name, is_one in named if of == group and is_one)
        for part in in_parts(anonymous):  # the archive has events that do not name their user
            theirs = update(sessions).where(mine, sessions.c.session_id.in_(part))
            connection.execute(theirs.values(is_archived=True))
        for part in in_parts(sorted({name for of, name, _ in named if of == group})):
            unneeded = (~sessions.c.is_archived, ~_has_events())
            these = sessions.c.session_id.in_(part)
            connection.execute(delete(sessions).where(mine, these, *unneeded))


def _has_events() -> ColumnElement[bool]:
    same = (
        events.c.session_id == sessions.c.session_id,
        events.c.dataset_group == sessions.c.dataset_group,
    )
    # Two questions, since each has an index.
    with_user = exists().where(*same, events.c.user_id == sessions.c.user_id)
    return with_user | exists().where(*same, events.c.user_id.is_(None))


# Mark of packed events, so that a copy of them that SQLite left behind is found.
RAW_MARK = b"\xf5raw\xf5"
_LEVEL = 1  # events wait for this
_HEADER = 18  # bytes at most, of a zstd frame
_SPAN = (raw_events.c.first, raw_events.c.last)
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(list[tuple[int, str]]).decode


class _OfThread(threading.local):
    # To make a compressor takes longer than to use it, and only one thread may use it.
    def __init__(self) -> None:
        # By the checksum, a part of a copy that SQLite left behind is known to be but a part.
        self.compress = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress


_OF_THREAD = _OfThread()


class RawEvents(TableAccess):
    """The JSON of events as it came in, by offsets; what is in the archive is deleted here."""

    def between(self, first: int, last: int) -> dict[int, str]:
        """Return the raw events at these offsets, as far as they are kept."""
        rows = select(raw_events.c.packed).where(*_overlapping(first, last))
        return {
            offset: raw
            for packed in self._scalars(rows)
            for offset, raw in _unpacked(packed)
            if first <= offset <= last
        }

    def fitting(self, after: int, through: int, most_bytes: int) -> int:
        """Up to which offset they have at most so many bytes; never less than one row of them."""
        header = func.substr(raw_events.c.packed, len(RAW_MARK) + 1, _HEADER)
        rows = (
            select(*_SPAN, header)
            .where(*_overlapping(after + 1, through))
            .order_by(raw_events.c.first)
        )
        size = 0
        with self._database.reading() as connection:
            for first, _last, begin in connection.execute(rows).all():
                # The head of a frame says how long the content is, so nothing is unpacked here.
                more = zstandard.frame_content_size(bytes(begin))
                if size and size + more > most_bytes:
                    return min(through, int(first) - 1)
                size += more
        return through

    def forget_archived(self) -> None:
        """Delete those whose events are all in confirmed objects of the archive."""
        # As a rule nothing is kept: to look first takes no writer's turn.
        with self._database.reading() as connection:
            if connection.scalar(select(func.min(raw_events.c.first))) is None:
                return
        with self._database.writing() as connection:
            through = archived_through(connection)
            connection.execute(delete(raw_events).where(raw_events.c.last <= through))


def add_raws(connection: Connection, raws: Mapping[int, str]) -> None:
    """Keep the events of a transaction as they came in, by offsets."""
    if raws:
        row = {"first": min(raws), "last": max(raws), "packed": _packed(list(raws.items()))}
        connection.execute(raw_events.insert(), row)


def take_out_raws(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete what is kept of these events, which are still in their table."""
    first_of_all = connection.scalar(select(func.min(raw_events.c.first)))
    if first_of_all is None:
        return
    theirs = select(events.c.offset).where(which, events.c.offset >= first_of_all)
    offsets = sorted(connection.scalars(theirs))
    if not offsets:
        return
    without = set(offsets)
    spans = select(*_SPAN).where(*_overlapping(offsets[0], offsets[-1]))
    for first, last in connection.execute(spans).all():
        # The first of the offsets that may lie in this row.
        place = bisect_left(offsets, first)
        if place < len(offsets) and offsets[place] <= last:
            this = raw_events.c.first == first
            packed = connection.scalars(select(raw_events.c.packed).where(this)).one()
            held = _unpacked(packed)
            kept = [one for one in held if one[0] not in without]
            if not kept:
                connection.execute(delete(raw_events).where(this))
            elif len(kept) < len(held):
                # The first offset is the key of the row, so it stays.
                values = {"last": kept[-1][0], "packed": _packed(kept)}
                connection.execute(update(raw_events).where(this).values(values))


def _overlapping(first: int, last: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return raw_events.c.first <= last, raw_events.c.last >= first


def _packed(raws: Sequence[tuple[int, str]]) -> bytes:
    return RAW_MARK + _OF_THREAD.compress(_ENCODE(raws))


def _unpacked(packed: bytes) -> list[tuple[int, str]]:
    return _DECODE(zstandard.decompress(packed[len(RAW_MARK) :]))


class Position(msgspec.Struct, frozen=True):
    """A place in a visitor's history. The events before `(sent_at, offset)` come next."""

    sent_at: int
    offset: int


class HistoryQuery(msgspec.Struct, frozen=True):
    """Part of a history, newest first."""

    limit: int  # most events of a page
    before: Position | None = None  # end of the page before
    event_type: str | None = None  # events of this type only
    since: int | None = None  # events sent at this moment or later
    until: int | None = None  # events sent before this moment


class Interaction(msgspec.Struct, frozen=True):
    """An event of a visitor about an animal."""

    offset: int
    user_id: str | None
    session_id: str | None
    event_type: str  # as it was sent
    animal_id: str
    sent_at: int
    recommendation_id: str | None  # the answer that it names
    impression: str | None  # the list of ids that it reports, as JSON
    event_value: float | None = None


RecentEvent = tuple[str, str, int, float | None]
"""(item_id, event_type, sent_at, event_value): all that scoring needs of a past event."""
INTERACTION = tuple(events.c[name] for name in Interaction.__struct_fields__)
OF_AN_ANIMAL = events.c.animal_id.is_not(None)
_RECENT = tuple(
    events.c[name] for name in ("item_id", "event_type", "sent_at", "event_value", "offset")
)
_GROUP: sa.BindParameter[object] = sa.bindparam("group")
_AT: sa.BindParameter[object] = sa.bindparam("at")
_USER: sa.BindParameter[object] = sa.bindparam("user")
_SESSION: sa.BindParameter[object] = sa.bindparam("session")
_LIMIT: sa.BindParameter[object] = sa.bindparam("limit")
_OWNER = PreparedSelect(
    sa.select(sessions.c.user_id).where(
        sessions.c.session_id == _SESSION,
        sessions.c.dataset_group == _GROUP,
        sessions.c.bound_at <= _AT,
    )
)
_END_OF_TIME = 2**62
# Those that an answer reads, the newest: a site that names everybody alike has one user with all.
_MOST_SESSIONS = 500


def _newest(
    columns: tuple[sa.Column[Any], ...],
    by_user: bool,
    by_session: bool,
    *conditions: sa.ColumnElement[bool],
    most_sessions: int | None = None,
) -> sa.Select[object]:
    """The newest events of a user, a session or both; of all sessions of the user by default."""
    newest = (
        sa.select(*columns)
        .where(events.c.dataset_group == _GROUP, events.c.sent_at <= _AT, *conditions)
        .order_by(events.c.sent_at.desc(), events.c.offset.desc())
        .limit(_LIMIT)
    )
    # A branch for each index: each is then read only up to the limit.
    branches: list[sa.Select[object]] = []
    mine: list[sa.Select[object]] = []
    if by_user:
        branches.append(newest.where(events.c.user_id == _USER))
        theirs = sa.select(sessions.c.session_id).where(
            sessions.c.user_id == _USER,
            sessions.c.dataset_group == _GROUP,
            sessions.c.bound_at <= _AT,
        )
        if most_sessions is not None:
            theirs = theirs.order_by(sessions.c.bound_at.desc()).limit(most_sessions)
            theirs = sa.select(theirs.subquery().c.session_id)
        mine.append(theirs)
    if by_session:
        mine.append(sa.select(_SESSION))
    # One `IN`: with an `OR` of two, SQLite reads the events of all guests.
    of_sessions = events.c.session_id.in_(sa.union_all(*mine))
    branches.append(newest.where(events.c.user_id.is_(None), of_sessions))
    # SQLite takes ORDER BY and LIMIT in a UNION only inside a subquery of its own.
    merged = sa.union_all(*(sa.select(*one.subquery().c) for one in branches)).subquery()
    return (
        sa.select(*(merged.c[column.key] for column in columns))
        .order_by(merged.c.sent_at.desc(), merged.c.offset.desc())
        .limit(_LIMIT)
    )


_Newest = Callable[[bool, bool], PreparedSelect]


def _prepared(
    columns: tuple[sa.Column[object], ...], *conditions: sa.ColumnElement[bool]
) -> _Newest:
    """Return the statement, by whether a user and whether a session is wanted."""

    @cache  # once wanted: all of them would be a twentieth of a command's start
    def prepared(by_user: bool, by_session: bool) -> PreparedSelect:
        newest = _newest(columns, by_user, by_session, *conditions, most_sessions=_MOST_SESSIONS)
        return PreparedSelect(newest)

    return prepared


_RECENT_OF = _prepared(_RECENT)
_NAMED_OF = _prepared((*_RECENT, events.c.recommendation_id, events.c.animal_id))
_NAMED = itemgetter(1, 5, 6)
_INTERACTIONS_OF = _prepared(INTERACTION, OF_AN_ANIMAL)


class Histories(GroupEvents):
    """Histories of the visitors of one dataset group, newest first."""

    def recent(self, visitor: Visitor, at: int, limit: int) -> list[RecentEvent]:
        """The visitor's newest events with `sent_at <= at`, newest first; see `standing`."""
        rows = self._newest(_RECENT_OF, visitor, at, limit)
        if any(row[1] == UNPICK for row in rows):  # seldom, and each is in place of two
            named = self._newest(_NAMED_OF, visitor, at, 3 * limit)
            rows = [*standing(named, _NAMED)][:limit]
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def interactions_of(self, visitor: Visitor, at: int, limit: int) -> list[Interaction]:
        """The visitor's newest events with animals and `sent_at <= at`, newest first."""
        return [Interaction(*row) for row in self._newest(_INTERACTIONS_OF, visitor, at, limit)]

    def owner(self, session_id: str, at: int) -> str | None:
        """The user that the session was bound to by then, or None."""
        values = {"group": self._dataset_group, "at": at, "session": session_id}
        owners = self._database.rows(_OWNER, values)
        return owners[0][0] if owners else None

    def history(self, visitor: Visitor, query: HistoryQuery) -> list[LoggedEvent]:
        """The visitor's events, newest first: the user's own and those of bound sessions."""
        wanted, values = self._resolve(visitor, _END_OF_TIME)
        statement = _newest(tuple(events.columns), *wanted, *_conditions(query))
        rows = self._rows(statement, values | {"limit": query.limit})
        return [read_event_row(row) for row in rows]

    def _newest(
        self, statements: _Newest, visitor: Visitor, at: int, limit: int
    ) -> Sequence[Sequence[Any]]:
        wanted, values = self._resolve(visitor, at)
        return self._database.rows(statements(*wanted), values | {"limit": limit})

    def _resolve(self, visitor: Visitor, at: int) -> tuple[tuple[bool, bool], dict[str, object]]:
        """Return whether the user and the session are wanted, and the values of the statement."""
        # A session that was bound to a user by then is that user's.
        user, session = visitor.user_id, visitor.session_id
        values: dict[str, object] = {"group": self._dataset_group, "at": at}
        if session is not None:
            owner = self.owner(session, at)
            # Bound to this user, its events are found anyway; bound to another, they are not ours.
            if owner is not None:
                user, session = user or owner, None
        named = {"user": user, "session": session}
        values |= {name: value for name, value in named.items() if value is not None}
        return (user is not None, session is not None), values


def _conditions(query: HistoryQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.before is not None:
        place = sa.tuple_(events.c.sent_at, events.c.offset)
        conditions.append(place < (query.before.sent_at, query.before.offset))
    if query.event_type is not None:
        conditions.append(events.c.event_type == query.event_type)
    if query.since is not None:
        conditions.append(events.c.sent_at >= query.since)
    if query.until is not None:
        conditions.append(events.c.sent_at < query.until)
    return conditions
