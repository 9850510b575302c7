"""A visitor's history: the user's own events, and anonymous events of the user's sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Select,
    bindparam,
    or_,
    select,
    tuple_,
    union_all,
)

from pawsonalize.domain.events import Visitor
from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import PreparedSelect
from pawsonalize.storage.tables import events, sessions


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a visitor's history. The events before `(sent_at, offset)` come next."""

    sent_at: int
    offset: int


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Part of a history, newest first."""

    limit: int
    """Most events of a page."""
    before: Position | None = None
    """End of the page before."""
    event_type: str | None = None
    """Events of this type only."""
    since: int | None = None
    """Events sent at this moment or later."""
    until: int | None = None
    """Events sent before this moment."""


RecentEvent = tuple[str, str, int, float | None]
"""(item_id, event_type, sent_at, event_value): all that scoring needs of a past event."""

_RECENT = (
    events.c.item_id,
    events.c.event_type,
    events.c.sent_at,
    events.c.event_value,
    events.c.offset,
)
_EVERYTHING = tuple(events.columns)
_NEWEST_FIRST = (events.c.sent_at.desc(), events.c.offset.desc())
_OWNER = PreparedSelect(
    select(sessions.c.user_id).where(
        sessions.c.session_id == bindparam("session"),
        sessions.c.dataset_group == bindparam("group"),
        sessions.c.bound_at <= bindparam("at"),
    )
)
_END_OF_TIME = 2**62


def recent(
    database: Database, dataset_group: str, visitor: Visitor, at: int, limit: int
) -> list[RecentEvent]:
    """The newest events up to `at`, as plain tuples."""
    owned = _resolve(database, dataset_group, visitor, at)
    wanted = _RECENT_OF[owned.user_id is not None, owned.session_id is not None]
    parameters = _parameters(dataset_group, owned, at) | {"limit": limit}
    return [(row[0], row[1], row[2], row[3]) for row in database.rows(wanted, parameters)]


@dataclass(frozen=True, slots=True)
class Deed:
    """An event of a visitor about an animal."""

    offset: int
    user_id: str | None
    session_id: str | None
    event_type: str
    """As it was sent."""
    animal_id: str
    sent_at: int
    recommendation_id: str | None
    """The answer that it names."""
    impression: str | None
    """The list of ids that it reports, as JSON."""


DEED = (
    events.c.offset,
    events.c.user_id,
    events.c.session_id,
    events.c.event_type,
    events.c.animal_id,
    events.c.sent_at,
    events.c.recommendation_id,
    events.c.impression,
)
OF_AN_ANIMAL = events.c.animal_id.is_not(None)


def deeds(
    database: Database, dataset_group: str, visitor: Visitor, at: int, limit: int
) -> list[Deed]:
    """The visitor's newest events with animals up to `at`, newest first."""
    owned = _resolve(database, dataset_group, visitor, at)
    wanted = _DEEDS_OF[owned.user_id is not None, owned.session_id is not None]
    parameters = _parameters(dataset_group, owned, at) | {"limit": limit}
    return [Deed(*row) for row in database.rows(wanted, parameters)]


def page(
    database: Database, dataset_group: str, visitor: Visitor, query: HistoryQuery
) -> Sequence[Row[Any]]:
    """One page of the history, as rows of the events table."""
    owned = _resolve(database, dataset_group, visitor, _END_OF_TIME)
    statement = _newest(
        _EVERYTHING, owned.user_id is not None, owned.session_id is not None, _conditions(query)
    )
    parameters = _parameters(dataset_group, owned, _END_OF_TIME) | {"limit": query.limit}
    with database.reading() as connection:
        return connection.execute(statement, parameters).all()


def _resolve(database: Database, dataset_group: str, visitor: Visitor, at: int) -> Visitor:
    """Return the owner of a history: a session bound to a user by then is that user's."""
    if visitor.session_id is None:
        return visitor
    session = {"session": visitor.session_id, "group": dataset_group, "at": at}
    owners = database.rows(_OWNER, session)
    if not owners:
        return visitor
    # Bound to this user, its events are found anyway; bound to another, they are not ours.
    return Visitor(user_id=visitor.user_id or owners[0][0])


def _parameters(dataset_group: str, visitor: Visitor, at: int) -> dict[str, Any]:
    parameters: dict[str, Any] = {"group": dataset_group, "at": at}
    if visitor.user_id is not None:
        parameters["user"] = visitor.user_id
    if visitor.session_id is not None:
        parameters["session"] = visitor.session_id
    return parameters


def _newest(
    columns: tuple[Column[Any], ...],
    by_user: bool,
    by_session: bool,
    conditions: tuple[ColumnElement[bool], ...] = (),
) -> Select[Any]:
    """The newest events of a user, a session or both: each index is read only up to the limit."""
    group = events.c.dataset_group == bindparam("group")
    common = (group, events.c.sent_at <= bindparam("at"), *conditions)
    branches = []
    mine: list[ColumnElement[bool]] = []
    if by_user:
        branches.append(_branch(columns, events.c.user_id == bindparam("user"), *common))
        theirs = select(sessions.c.session_id).where(
            sessions.c.user_id == bindparam("user"),
            sessions.c.dataset_group == bindparam("group"),
            sessions.c.bound_at <= bindparam("at"),
        )
        mine.append(events.c.session_id.in_(theirs))
    if by_session:
        mine.append(events.c.session_id == bindparam("session"))
    if mine:
        branches.append(_branch(columns, events.c.user_id.is_(None), or_(*mine), *common))
    merged = union_all(*branches).subquery()
    return (
        select(*(merged.c[column.key] for column in columns))
        .order_by(merged.c.sent_at.desc(), merged.c.offset.desc())
        .limit(bindparam("limit"))
    )


def _branch(columns: tuple[Column[Any], ...], *conditions: ColumnElement[bool]) -> Select[Any]:
    newest = select(*columns).where(*conditions).order_by(*_NEWEST_FIRST).limit(bindparam("limit"))
    # SQLite takes ORDER BY and LIMIT in a UNION only inside a subquery of its own.
    inner = newest.subquery()
    return select(*inner.c)


def _conditions(query: HistoryQuery) -> tuple[ColumnElement[bool], ...]:
    conditions: list[ColumnElement[bool]] = []
    if query.before is not None:
        place = tuple_(events.c.sent_at, events.c.offset)
        conditions.append(place < (query.before.sent_at, query.before.offset))
    if query.event_type is not None:
        conditions.append(events.c.event_type == query.event_type)
    if query.since is not None:
        conditions.append(events.c.sent_at >= query.since)
    if query.until is not None:
        conditions.append(events.c.sent_at < query.until)
    return tuple(conditions)


_RECENT_OF = {
    (by_user, by_session): PreparedSelect(_newest(_RECENT, by_user, by_session))
    for by_user, by_session in ((True, False), (False, True), (True, True))
}
_DEEDS_OF = {
    (by_user, by_session): PreparedSelect(_newest(DEED, by_user, by_session, (OF_AN_ANIMAL,)))
    for by_user, by_session in ((True, False), (False, True), (True, True))
}
