"""A visitor's history: the user's own events, and anonymous events of the user's sessions."""

from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa

from pawsonalize.core.database.statements import PreparedSelect
from pawsonalize.core.database.tables import events, sessions
from pawsonalize.core.event import UNPICK, LoggedEvent, Visitor, standing
from pawsonalize.events.tables.event_reads import GroupEvents, read_event_row


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


class Deed(msgspec.Struct, frozen=True):
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
DEED = tuple(events.c[name] for name in Deed.__struct_fields__)
OF_AN_ANIMAL = events.c.animal_id.is_not(None)
_RECENT = tuple(
    events.c[name] for name in ("item_id", "event_type", "sent_at", "event_value", "offset")
)
_GROUP: sa.BindParameter[Any] = sa.bindparam("group")
_AT: sa.BindParameter[Any] = sa.bindparam("at")
_USER: sa.BindParameter[Any] = sa.bindparam("user")
_SESSION: sa.BindParameter[Any] = sa.bindparam("session")
_LIMIT: sa.BindParameter[Any] = sa.bindparam("limit")
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
) -> sa.Select[Any]:
    """The newest events of a user, a session or both; of all sessions of the user by default."""
    newest = (
        sa.select(*columns)
        .where(events.c.dataset_group == _GROUP, events.c.sent_at <= _AT, *conditions)
        .order_by(events.c.sent_at.desc(), events.c.offset.desc())
        .limit(_LIMIT)
    )
    # A branch for each index: each is then read only up to the limit.
    branches: list[sa.Select[Any]] = []
    mine: list[sa.Select[Any]] = []
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


def _prepared(columns: tuple[sa.Column[Any], ...], *conditions: sa.ColumnElement[bool]) -> _Newest:
    """Return the statement, by whether a user and whether a session is wanted."""

    @cache  # once wanted: all of them would be a twentieth of a command's start
    def prepared(by_user: bool, by_session: bool) -> PreparedSelect:
        newest = _newest(columns, by_user, by_session, *conditions, most_sessions=_MOST_SESSIONS)
        return PreparedSelect(newest)

    return prepared


_RECENT_OF = _prepared(_RECENT)
_NAMED_OF = _prepared((*_RECENT, events.c.recommendation_id, events.c.animal_id))
_NAMED = itemgetter(1, 5, 6)
_DEEDS_OF = _prepared(DEED, OF_AN_ANIMAL)


class Histories(GroupEvents):
    """Histories of the visitors of one dataset group, newest first."""

    def recent(self, visitor: Visitor, at: int, limit: int) -> list[RecentEvent]:
        """The visitor's newest events with `sent_at <= at`, newest first; see `standing`."""
        rows = self._newest(_RECENT_OF, visitor, at, limit)
        if any(row[1] == UNPICK for row in rows):  # seldom, and each is in place of two
            named = self._newest(_NAMED_OF, visitor, at, 3 * limit)
            rows = [*standing(named, _NAMED)][:limit]
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def deeds_of(self, visitor: Visitor, at: int, limit: int) -> list[Deed]:
        """The visitor's newest events with animals and `sent_at <= at`, newest first."""
        return [Deed(*row) for row in self._newest(_DEEDS_OF, visitor, at, limit)]

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

    def _resolve(self, visitor: Visitor, at: int) -> tuple[tuple[bool, bool], dict[str, Any]]:
        """Return whether the user and the session are wanted, and the values of the statement."""
        # A session that was bound to a user by then is that user's.
        user, session = visitor.user_id, visitor.session_id
        values: dict[str, Any] = {"group": self._dataset_group, "at": at}
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
