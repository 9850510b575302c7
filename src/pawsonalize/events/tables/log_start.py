"""Start of the log: older events have left the table."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, select, text, update

from pawsonalize.core.database.statements import in_parts, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import (
    events,
    log_marks,
    raw_events,
    sessions,
    training_tables,
)
from pawsonalize.core.event import ACTIONS

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
        """The same for one dataset group between offsets; its raw events are archived."""
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


def _release_of(connection: Connection, rows: Sequence[Row[Any]]) -> None:
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
