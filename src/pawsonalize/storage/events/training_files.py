"""Events for trainings: batches from the log, and the files of the training table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from pawsonalize.domain.events import SESSION_KEY, USER_KEY, owning_group
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.log_start import forgotten_through, left_early
from pawsonalize.storage.statements import in_parts, upsert
from pawsonalize.storage.tables import events, sessions, training_files, training_tables

_TRAINING_BATCH = 50_000
_VISITOR_KEY = func.coalesce(
    USER_KEY + events.c.user_id, USER_KEY + sessions.c.user_id, SESSION_KEY + events.c.session_id
)
TRAINING_ROWS = (
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


_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class LogRow:
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


@dataclass(frozen=True, slots=True)
class TrainingFile:
    """A file of the training table. It has the events of its dataset group from first to last."""

    key: str
    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class TableState:
    """Content of a dataset group's training table."""

    through: int
    """All events of the log up to this offset."""
    reader: str
    """Facets that were read of them, as a fingerprint."""


class TrainingFiles:
    """Record of the training table of one dataset group."""

    def __init__(self, database: Database, dataset_group: str) -> None:
        self._database = database
        self._dataset_group = dataset_group

    def state(self) -> TableState | None:
        """Return the content of the table; None if it is yet to be made."""
        columns = (training_tables.c.through, training_tables.c.reader)
        with self._database.reading() as connection:
            found = connection.execute(select(*columns).where(self._mine)).one_or_none()
        return None if found is None else TableState(found[0], found[1])

    def files(self) -> list[TrainingFile]:
        """The files, in the order of the log."""
        with self._database.reading() as connection:
            return self._files(connection)

    def left_through(self) -> int:
        """The offset up to which events of the table have left the log since it was begun.

        What a replay brought back has none of them: it is in the log although others left it.
        """
        begun = select(training_tables.c.start).where(self._mine)
        with self._database.reading() as connection:
            start, left = connection.scalar(begun), self._left(connection)
        return 0 if start == left else left

    def begin(self, reader: str) -> list[str]:
        """Begin anew, without any file; returns the keys of those that there were."""
        with self._database.writing() as connection:
            gone = self._forget(connection)
            start = self._left(connection)
            row = {"dataset_group": self._dataset_group, "start": start}
            upsert(connection, training_tables, [{**row, "through": 0, "reader": reader}])
        return gone

    def remove(self) -> list[str]:
        """Forget the table and all of its files; returns the keys of these."""
        with self._database.writing() as connection:
            connection.execute(delete(training_tables).where(self._mine))
            return self._forget(connection)

    def _forget(self, connection: Connection) -> list[str]:
        c = training_files.c
        mine = select(c.key).where(c.dataset_group == self._dataset_group)
        gone = list(connection.scalars(mine))
        self._remove(connection, gone)
        return gone

    def intend(self, file: TrainingFile) -> None:
        """Note a file before it is written. It is no part of the table yet."""
        with self._database.writing() as connection:
            row = {"key": file.key, "dataset_group": self._dataset_group, "is_in": False}
            numbers = {"first": file.first, "last": file.last, "rows": file.rows}
            connection.execute(insert(training_files), [{**row, **numbers}])

    def add(self, before: TableState, keys: Sequence[str], through: int) -> bool:
        """Let the table have files that were intended; False if anybody changed it meanwhile."""
        unchanged = (
            training_tables.c.through == before.through,
            training_tables.c.reader == before.reader,
        )
        moved = update(training_tables).where(self._mine, *unchanged).values(through=through)
        with self._database.writing() as connection:
            if self._intended(connection, keys) and connection.execute(moved).rowcount == 1:
                self._take_in(connection, keys)
                return True
        return False

    def replace(self, gone: Sequence[str], keys: Sequence[str]) -> bool:
        """Put intended files in the place of others; False if one of all those is no more."""
        with self._database.writing() as connection:
            there = {one.key for one in self._files(connection)}
            if not there.issuperset(gone) or not self._intended(connection, keys):
                return False
            self._remove(connection, gone)
            self._take_in(connection, keys)
        return True

    def drop_intents(self, keys: Sequence[str] | None = None) -> list[str]:
        """Forget files that were intended, or all: whoever writes one begins again. Their keys."""
        c = training_files.c
        mine = [c.dataset_group == self._dataset_group, c.is_in.is_(False)]
        if keys is not None:
            mine.append(c.key.in_(keys))
        with self._database.writing() as connection:
            gone = list(connection.scalars(select(c.key).where(*mine)))
            self._remove(connection, gone)
        return gone if keys is None else list(keys)

    def rows(self, after: int, through: int) -> Iterator[Sequence[LogRow]]:
        """Batches, in order, of the log's events with `after < offset <= through`."""
        reads = self._database.caught_up()
        while True:
            parameters = {"group": self._dataset_group, "after": after, "through": through}
            with reads.reading() as connection:
                rows = connection.execute(_ROWS, parameters).all()
            if not rows:
                return
            after = rows[-1][0]
            yield [LogRow(*row) for row in rows]

    def sessions(self) -> Iterator[Sequence[tuple[str, str]]]:
        """Batches of sessions with the users whose they are."""
        after, reads = "", self._database.caught_up()
        while True:
            parameters = {"group": self._dataset_group, "after": after}
            with reads.reading() as connection:
                rows = connection.execute(_SESSIONS, parameters).all()
            if not rows:
                return
            after = rows[-1][0]
            yield [(row[0], row[1]) for row in rows]

    def _left(self, connection: Connection) -> int:
        """The offset up to which events of the dataset group have left the log."""
        early = left_early(connection).get(owning_group(self._dataset_group), 0)
        return max(forgotten_through(connection), early)

    @property
    def _mine(self) -> ColumnElement[bool]:
        return training_tables.c.dataset_group == self._dataset_group

    def _files(self, connection: Connection) -> list[TrainingFile]:
        c = training_files.c
        wanted = select(c.key, c.first, c.last, c.rows).order_by(c.first, c.key)
        mine = wanted.where(c.dataset_group == self._dataset_group, c.is_in.is_(True))
        return [TrainingFile(*row) for row in connection.execute(mine)]

    def _intended(self, connection: Connection, keys: Sequence[str]) -> bool:
        c = training_files.c
        found = select(c.key).where(c.key.in_(keys), c.is_in.is_(False))
        return set(connection.scalars(found)) == set(keys)

    @staticmethod
    def _take_in(connection: Connection, keys: Sequence[str]) -> None:
        these = training_files.c.key.in_(keys)
        connection.execute(update(training_files).where(these).values(is_in=True))

    @staticmethod
    def _remove(connection: Connection, keys: Sequence[str]) -> None:
        for part in in_parts(keys):
            connection.execute(delete(training_files).where(training_files.c.key.in_(part)))


def groups_with_files(database: Database) -> list[str]:
    """The dataset groups that have files of a training table."""
    groups = select(training_files.c.dataset_group).distinct()
    with database.reading() as connection:
        return list(connection.scalars(groups.order_by(training_files.c.dataset_group)))


_ROWS = (
    select(
        events.c.offset,
        events.c.received_at,
        events.c.user_id,
        events.c.session_id,
        events.c.item_id,
        events.c.event_type,
        events.c.sent_at,
        events.c.event_value,
        events.c.properties,
    )
    .where(
        events.c.offset > bindparam("after"),
        events.c.offset <= bindparam("through"),
        events.c.dataset_group == bindparam("group"),
    )
    .order_by(events.c.offset)
    .limit(_BATCH)
)
_SESSIONS = (
    select(sessions.c.session_id, sessions.c.user_id)
    .where(
        sessions.c.dataset_group == bindparam("group"), sessions.c.session_id > bindparam("after")
    )
    .order_by(sessions.c.session_id)
    .limit(_BATCH)
)
