"""Events for trainings: batches from the log, and the files of the training table."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_parts, upsert
from pawsonalize.core.database.table_access import GroupTables
from pawsonalize.core.database.tables import events, sessions, training_files, training_tables
from pawsonalize.core.event import SESSION_KEY, USER_KEY, owning_group
from pawsonalize.events.tables.event_reads import (
    NO_ANSWER_TO_A_BOARD,
    forgotten_through,
    left_early,
)

_BATCH = 50_000
_FILES = training_files
_VISITOR_KEY = sa.func.coalesce(
    USER_KEY + events.c.user_id, USER_KEY + sessions.c.user_id, SESSION_KEY + events.c.session_id
)
_CONTENT = tuple(
    events.c[name] for name in ("item_id", "event_type", "sent_at", "event_value", "properties")
)
_SPAN = (
    events.c.offset > sa.bindparam("after"),
    events.c.offset <= sa.bindparam("through"),
    events.c.dataset_group == sa.bindparam("group"),
    NO_ANSWER_TO_A_BOARD,  # or a booster's picks would lift animals for everybody
)
TRAINING_ROWS = (
    sa.select(events.c.offset, _VISITOR_KEY, *_CONTENT)
    .select_from(
        events.outerjoin(
            sessions,
            (sessions.c.session_id == events.c.session_id)
            & (sessions.c.dataset_group == events.c.dataset_group)
            & events.c.user_id.is_(None),
        )
    )
    .where(*_SPAN, events.c.sent_at <= sa.bindparam("until"))
    .order_by(events.c.offset)
    .limit(_BATCH)
)


class LogRow(msgspec.Struct, frozen=True):
    """An event as the training table takes it; its session may be bound to a user later."""

    offset: int
    received_at: int
    user_id: str | None
    session_id: str | None
    item_id: str
    event_type: str
    sent_at: int
    value: float | None
    properties: str | None


class TrainingFile(msgspec.Struct, frozen=True):
    """A file of the training table. It has the events of its dataset group from first to last."""

    key: str
    first: int
    last: int
    rows: int


class TableState(msgspec.Struct, frozen=True):
    """Content of a dataset group's training table."""

    through: int  # all events of the log up to this offset
    reader: str  # facets that were read of them, as a fingerprint


class TrainingFiles(GroupTables):
    """Record of the training table of one dataset group."""

    def state(self) -> TableState | None:
        """Return the content of the table; None if it is yet to be made."""
        wanted = sa.select(training_tables.c.through, training_tables.c.reader)
        rows = self._rows(wanted.where(self._mine(training_tables)))
        return TableState(*rows[0]) if rows else None

    def files(self) -> list[TrainingFile]:
        """The files, in the order of the log."""
        return self._with(self._files)

    def left_through(self) -> int:
        """The offset up to which events have left the log since the table was begun."""
        # What a replay brought back has none of them: it is in the log although others left it.
        begun = sa.select(training_tables.c.start).where(self._mine(training_tables))
        with self._database.reading() as connection:
            start, left = connection.scalar(begun), self._left(connection)
        return 0 if start == left else left

    def begin(self, reader: str) -> list[str]:
        """Begin anew, without any file; returns the keys of those that there were."""
        with self._database.writing() as connection:
            gone = self._forget(connection, self._mine(_FILES))
            start = self._left(connection)
            row = {"dataset_group": self._dataset_group, "start": start}
            upsert(connection, training_tables, [{**row, "through": 0, "reader": reader}])
        return gone

    def remove(self) -> list[str]:
        """Forget the table and all of its files; returns the keys of these."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(training_tables).where(self._mine(training_tables)))
            return self._forget(connection, self._mine(_FILES))

    def intend(self, file: TrainingFile) -> None:
        """Note a file before it is written."""
        # It is no part of the table yet.
        row = {"dataset_group": self._dataset_group, "is_in": False, **asdict(file)}
        self._execute(sa.insert(_FILES).values(row))

    def add(self, before: TableState, keys: Sequence[str], through: int) -> bool:
        """Let the table have files that were intended; False if anybody changed it meanwhile."""
        unchanged = (
            training_tables.c.through == before.through,
            training_tables.c.reader == before.reader,
        )
        moved = sa.update(training_tables).where(self._mine(training_tables), *unchanged)
        moved = moved.values(through=through)
        with self._database.writing() as connection:
            if _are_intended(connection, keys) and connection.execute(moved).rowcount == 1:
                _take_in(connection, keys)
                return True
        return False

    def replace(self, gone: Sequence[str], keys: Sequence[str]) -> bool:
        """Put intended files in the place of others; False if one of all those is no more."""
        with self._database.writing() as connection:
            there = {one.key for one in self._files(connection)}
            if not there.issuperset(gone) or not _are_intended(connection, keys):
                return False
            for part in in_parts(gone):
                connection.execute(sa.delete(_FILES).where(_FILES.c.key.in_(part)))
            _take_in(connection, keys)
        return True

    def drop_intents(self, keys: Sequence[str] | None = None) -> list[str]:
        """Forget files that were intended, or all: whoever writes one begins again. Their keys."""
        mine = self._mine(_FILES) & _FILES.c.is_in.is_(False)
        if keys is not None:
            mine &= _FILES.c.key.in_(keys)
        with self._database.writing() as connection:
            gone = self._forget(connection, mine)
        return gone if keys is None else list(keys)

    def rows(self, after: int, through: int) -> Iterator[Sequence[LogRow]]:
        """Batches, in order, of the log's events with `after < offset <= through`."""
        for rows in self._batches(_ROWS, after, through=through):
            yield [LogRow(*row) for row in rows]

    def sessions(self) -> Iterator[Sequence[tuple[str, str]]]:
        """Batches of sessions with their users."""
        for rows in self._batches(_SESSIONS, ""):
            yield [(row[0], row[1]) for row in rows]

    def _batches(
        self, wanted: sa.Select[object], after: object, **values: object
    ) -> Iterator[Sequence[Any]]:
        while True:
            # A connection for each batch, as no transaction may last as long as a training reads.
            with self._database.reading() as connection:
                span = {"group": self._dataset_group, "after": after, **values}
                rows = connection.execute(wanted, span).all()
            if not rows:
                return
            after = rows[-1][0]
            yield rows

    def _left(self, connection: sa.Connection) -> int:
        """The offset up to which events of the dataset group have left the log."""
        early = left_early(connection).get(owning_group(self._dataset_group), 0)
        return max(forgotten_through(connection), early)

    def _files(self, connection: sa.Connection) -> list[TrainingFile]:
        c = _FILES.c
        wanted = sa.select(c.key, c.first, c.last, c.rows).order_by(c.first, c.key)
        mine = wanted.where(self._mine(_FILES), c.is_in.is_(True))
        return [TrainingFile(*row) for row in connection.execute(mine)]

    @staticmethod
    def _forget(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[str]:
        return list(connection.scalars(sa.delete(_FILES).where(which).returning(_FILES.c.key)))


def _are_intended(connection: sa.Connection, keys: Sequence[str]) -> bool:
    found = sa.select(_FILES.c.key).where(_FILES.c.key.in_(keys), _FILES.c.is_in.is_(False))
    return set(connection.scalars(found)) == set(keys)


def _take_in(connection: sa.Connection, keys: Sequence[str]) -> None:
    connection.execute(sa.update(_FILES).where(_FILES.c.key.in_(keys)).values(is_in=True))


def groups_with_files(database: Database) -> list[str]:
    """The dataset groups that have files of a training table."""
    groups = sa.select(_FILES.c.dataset_group).distinct()
    with database.reading() as connection:
        return list(connection.scalars(groups.order_by(_FILES.c.dataset_group)))


_ROWS = (
    sa.select(
        events.c.offset, events.c.received_at, events.c.user_id, events.c.session_id, *_CONTENT
    )
    .where(*_SPAN)
    .order_by(events.c.offset)
    .limit(_BATCH)
)
_SESSIONS = (
    sa.select(sessions.c.session_id, sessions.c.user_id)
    .where(
        sessions.c.dataset_group == sa.bindparam("group"),
        sessions.c.session_id > sa.bindparam("after"),
    )
    .order_by(sessions.c.session_id)
    .limit(_BATCH)
)
