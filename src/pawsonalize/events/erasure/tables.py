"""Erasures as durable records: of which visitors, up to where, and which steps are done."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, Literal, Protocol

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Delete,
    Select,
    and_,
    delete,
    func,
    select,
    update,
)

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_parts, insert_new, rows_of
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import (
    archive_segments,
    erased_visitors,
    erasures,
    events,
    impressions,
    sessions,
    users,
)
from pawsonalize.core.errors import Conflict
from pawsonalize.core.event import ACTIONS, SESSION, USER, ErasedVisitors, visitor_digest
from pawsonalize.core.plugin import added
from pawsonalize.events.tables.event_reads import take_out_raws

_WHO = erased_visitors.c
_SAME = erasures.c.erasure_id == _WHO.erasure_id


class ErasedLookup(TableAccess):
    """Finds erased visitors by the hashes of their ids."""

    def find_covering(self, visitors: Collection[str]) -> ErasedVisitors:
        """Return the erasures that cover these visitors, by their hashes."""
        return ErasedVisitors(self._with(_latest, visitors, erasures.c.through))

    def noted(self, visitors: Collection[str]) -> dict[tuple[str, str], int]:
        """Moments of the last erasure of each of these visitors, by dataset group and hash."""
        return self._with(noted_at, visitors)

    def through(self) -> int:
        """The greatest offset that any erasure covers; 0 without erasures."""
        return self._scalar(select(func.max(erasures.c.through))) or 0

    def last_noted(self) -> int:
        """Moment at which an erasure was last noted; -1 if none ever was."""
        return self._with(last_noted)

    def noted_since(self, moment: int, dataset_group: str) -> dict[str, int]:
        """Moments of the visitors that were noted for erasure after that one, by their hashes."""
        late = (erasures.c.noted_at > moment, erasures.c.dataset_group == dataset_group)
        wanted = select(_WHO.visitor, func.max(erasures.c.noted_at)).join(erasures, _SAME)
        with self._database.reading() as connection:
            # As a rule nobody was noted since: that costs one look at the end of an index.
            if last_noted(connection) <= moment:
                return {}
            found = connection.execute(wanted.where(*late).group_by(_WHO.visitor))
            return {row[0]: row[1] for row in found}

    def has_any_since(self, moment: int, dataset_group: str) -> bool:
        """True if anybody of the dataset group was noted at that moment or later."""
        late = (erasures.c.noted_at >= moment, erasures.c.dataset_group == dataset_group)
        return self._scalar(select(erasures.c.erasure_id).where(*late).limit(1)) is not None


def last_noted(connection: Connection) -> int:
    """Moment at which an erasure was last noted; -1 if none ever was."""
    found = connection.scalar(select(func.max(erasures.c.noted_at)))
    return -1 if found is None else found


def noted_at(connection: Connection, visitors: Collection[str]) -> dict[tuple[str, str], int]:
    """Moments of the last erasure of each of these visitors, by dataset group and hash."""
    return _latest(connection, visitors, erasures.c.noted_at)


def _latest(
    connection: Connection, visitors: Collection[str], moment: Column[int]
) -> dict[tuple[str, str], int]:
    """Return the greatest value of the column, by dataset group and hash of these visitors."""
    who = (erasures.c.dataset_group, _WHO.visitor)
    latest = select(*who, func.max(moment)).join(erasures, _SAME).group_by(*who)
    found = rows_of(connection, latest, _WHO.visitor, visitors)
    return {(row[0], row[1]): row[2] for row in found}


# Steps of an erasure, in this order; a step that fails stops none but those it is for.
STEPS: Final = ("note", "tables", "archive", "models", "files", "names", "remains")

ErasureStatus = Literal["pending", "in_progress", "incomplete", "done"]

_ENCODE = msgspec.json.Encoder().encode
_DECODE_FILES = msgspec.json.Decoder(tuple[str, ...]).decode
_ROWS_AT_ONCE = 5_000


class Trouble(msgspec.Struct, frozen=True):
    """Reason for which a step is not done."""

    place: str  # its subject: an object of the archive, a solution version, a job
    reason: str
    waits: bool = False  # true if it ends by itself, as a training does


class Erasure(msgspec.Struct, frozen=True):
    """One erasure. `through` is the last offset of the log that it covers."""

    erasure_id: str
    dataset_group: str
    noted_at: int
    through: int
    deleted: int = 0  # rows deleted from the tables: events, sessions, attributes and answers
    note_at: int | None = None
    tables_at: int | None = None
    archive_at: int | None = None
    models_at: int | None = None
    files_at: int | None = None
    names_at: int | None = None  # when the names were forgotten
    remains_at: int | None = None
    done_at: int | None = None
    attempts: int = 0
    next_attempt_at: int | None = 0  # none when it is done
    troubles: tuple[Trouble, ...] = ()
    files: tuple[str, ...] = ()
    """Files of jobs that may hold the visitors, which are for people to delete."""

    @property
    def status(self) -> ErasureStatus:
        """Progress of the erasure; `incomplete`: something failed, and is tried again."""
        if self.done_at is not None:
            return "done"
        if any(not trouble.waits for trouble in self.troubles):
            return "incomplete"
        return "in_progress" if self.attempts else "pending"

    def has_done(self, step: str) -> bool:
        """True if one of `STEPS` is done."""
        return getattr(self, f"{step}_at") is not None

    def after(self, step: str, now: int) -> "Erasure":
        """The erasure with one of `STEPS` done."""
        changes: dict[str, object] = {f"{step}_at": now}
        return replace(self, **changes)


class ErasedNames(msgspec.Struct, frozen=True):
    """Users and sessions that an erasure is about, as far as their names are known."""

    users: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """The names of both."""
        return self.users + self.sessions


_DECODE_TROUBLES = msgspec.json.Decoder(tuple[Trouble, ...]).decode


class ErasureTable(TableAccess):
    """The erasures of all dataset groups. Who works on them holds a lease."""

    def note(
        self,
        erasure_id: str,
        dataset_group: str,
        now: int,
        *,
        users: Sequence[str] = (),
        visits: Sequence[str] = (),
    ) -> bool:
        """Write down for good the users, their sessions, the `visits` and how far the log goes.

        False if there is an erasure of that id: it stays as it is. Conflict if a visit belongs to a
        user.
        """
        # One transaction; each is noted a little later than the one before.
        with self._database.writing() as connection:
            # Strictly later than the one before, whatever the clock says: readers count on it.
            noted_at = max(now, last_noted(connection) + 1)
            row = _row(erasure_id, dataset_group, noted_at, _through(connection))
            if not insert_new(connection, erasures, [row]):
                return False
            groups = (dataset_group, f"{dataset_group}{ACTIONS}")
            _refuse_bound(connection, groups, visits)
            _add(connection, erasure_id, USER, users)
            _add(connection, erasure_id, SESSION, visits)
            _add(connection, erasure_id, SESSION, _sessions_of(connection, groups, users))
        return True

    def adopt(
        self,
        erasure_id: str,
        dataset_group: str,
        noted_at: int,
        *,
        through: int,
        visitors: Collection[str],
    ) -> None:
        """Store what a note of the archive says, by hashes, unless the erasure is known."""
        row = _row(erasure_id, dataset_group, noted_at, through)
        who = {"erasure_id": erasure_id, "kind": None, "name": None}
        with self._database.writing() as connection:
            if insert_new(connection, erasures, [row]):
                for part in in_parts(sorted(visitors)):
                    named_by = [{**who, "visitor": one} for one in part]
                    insert_new(connection, erased_visitors, named_by)

    def apply(self, now: int) -> None:
        """Record that all are done."""
        # A replay has left out whom they are about.
        done = dict.fromkeys((*(f"{step}_at" for step in STEPS), "done_at"), now)
        with self._database.writing() as connection:
            open_ones = update(erasures).where(erasures.c.done_at.is_(None))
            connection.execute(open_ones.values({**done, "next_attempt_at": None}))

    def get(self, erasure_id: str) -> Erasure | None:
        """One erasure, or None."""
        found = self._read(select(erasures).where(erasures.c.erasure_id == erasure_id))
        return next(iter(found), None)

    def newest(self, limit: int) -> list[Erasure]:
        """Erasures, the newest first."""
        newest_first = (erasures.c.noted_at.desc(), erasures.c.erasure_id.desc())
        return self._read(select(erasures).order_by(*newest_first).limit(limit))

    def of_job(self, prefix: str) -> list[Erasure]:
        """The erasures with ids that begin so."""
        begins = erasures.c.erasure_id.startswith(prefix, autoescape=True)
        return self._read(select(erasures).where(begins))

    def ids(self) -> dict[str, bool]:
        """True if its steps are done, by the id of each."""
        found = self._rows(select(erasures.c.erasure_id, erasures.c.done_at))
        return {row[0]: row[1] is not None for row in found}

    def visitors(self, erasure_id: str) -> frozenset[str]:
        """The hashes of its visitors."""
        mine = select(_WHO.visitor).where(_WHO.erasure_id == erasure_id)
        return frozenset(self._scalars(mine))

    def names(self, erasure_id: str) -> ErasedNames:
        """The names of its visitors, as far as they are known."""
        mine = (_WHO.erasure_id == erasure_id, _WHO.name.is_not(None))
        wanted = select(_WHO.kind, _WHO.name).where(*mine).order_by(_WHO.kind, _WHO.name)
        found = self._rows(wanted)
        users = tuple(name for kind, name in found if kind == USER)
        return ErasedNames(users, tuple(name for kind, name in found if kind == SESSION))

    def count(self, erasure_id: str) -> tuple[int, int]:
        """Count its users and sessions; the kind of those of a note is not known."""
        kinds = select(_WHO.kind, func.count()).where(_WHO.erasure_id == erasure_id)
        found = {row[0]: row[1] for row in self._rows(kinds.group_by(_WHO.kind))}
        return found.get(USER, 0), found.get(SESSION, 0)

    def learn(self, erasure_id: str, names: Iterable[tuple[str, str, str]]) -> None:
        """Add names of its visitors that were found out: kind, name, hash."""
        mine = _WHO.erasure_id == erasure_id
        with self._database.writing() as connection:
            for kind, name, visitor in names:
                found = update(erased_visitors).where(mine, _WHO.visitor == visitor)
                connection.execute(found.values(kind=kind, name=name))

    def unnamed_hashes(self, erasure_id: str) -> set[str]:
        """The hashes of its visitors whose names are not known."""
        mine = select(_WHO.visitor).where(_WHO.erasure_id == erasure_id, _WHO.name.is_(None))
        return set(self._scalars(mine))

    def due(self, now: int, limit: int | None = None, only: str | None = None) -> list[Erasure]:
        """Erasures that are due, the oldest first; with `only`, that one unless it is done."""
        wanted = erasures.c.next_attempt_at <= now
        if only is not None:
            wanted = and_(erasures.c.erasure_id == only, erasures.c.next_attempt_at.is_not(None))
        return self._read(select(erasures).where(wanted).order_by(erasures.c.noted_at).limit(limit))

    def begin(self, due: Collection[Erasure]) -> list[Erasure]:
        """Count an attempt of each; returns them as they are then."""
        self._change([one.erasure_id for one in due], attempts=erasures.c.attempts + 1)
        return [replace(one, attempts=one.attempts + 1) for one in due]

    def mark(self, due: Iterable[Erasure], step: str, now: int) -> None:
        """Record that a step is done."""
        self._change([one.erasure_id for one in due], **{f"{step}_at": now})

    def forget_names(self, due: Iterable[Erasure], now: int) -> None:
        """Keep the hashes alone, and record that, in one transaction."""
        mine = [one.erasure_id for one in due]
        names = update(erased_visitors).where(_WHO.erasure_id.in_(mine))
        noted = update(erasures).where(erasures.c.erasure_id.in_(mine))
        with self._database.writing() as connection:
            connection.execute(names.values(name=None))
            connection.execute(noted.values(names_at=now))

    def found_files(self, one: Erasure, files: Iterable[str]) -> None:
        """Store which files may hold the visitors."""
        self._change([one.erasure_id], files=_ENCODE(sorted(files)).decode())

    def settle(
        self, one: Erasure, troubles: Sequence[Trouble], next_attempt_at: int | None, now: int
    ) -> None:
        """Record how the attempt ended; without a next one, the erasure is done."""
        self._change(
            [one.erasure_id],
            troubles=_ENCODE(troubles).decode(),
            next_attempt_at=next_attempt_at,
            done_at=now if next_attempt_at is None else None,
        )

    def reopen(self, erasure_ids: Collection[str]) -> None:
        """Have the archive gone through again."""
        # An older copy of it came back.
        anew = {"note_at": None, "archive_at": None, "done_at": None, "next_attempt_at": 0}
        self._change(sorted(erasure_ids), **anew)

    def _change(self, erasure_ids: Sequence[str], **values: object) -> None:
        if not erasure_ids:
            return
        with self._database.writing() as connection:
            for part in in_parts(erasure_ids):
                mine = erasures.c.erasure_id.in_(part)
                connection.execute(update(erasures).where(mine).values(values))

    def _read(self, wanted: Select[object]) -> list[Erasure]:
        return [
            Erasure(
                **{
                    **row,
                    "troubles": _DECODE_TROUBLES(row["troubles"]),
                    "files": _DECODE_FILES(row["files"]),
                }
            )
            for row in self._mappings(wanted)
        ]


def _row(erasure_id: str, dataset_group: str, noted_at: int, through: int) -> dict[str, object]:
    new = {"deleted": 0, "attempts": 0, "next_attempt_at": 0, "troubles": "[]", "files": "[]"}
    names = {"erasure_id": erasure_id, "dataset_group": dataset_group}
    return new | names | {"noted_at": noted_at, "through": through}


def _through(connection: Connection) -> int:
    """The last offset that was given."""
    # The archive may hold more than the log still does.
    logged = connection.scalar(select(func.max(events.c.offset))) or 0
    archived = connection.scalar(select(func.max(archive_segments.c.last))) or 0
    return max(logged, archived)


def _sessions_of(
    connection: Connection, groups: Sequence[str], users: Sequence[str]
) -> Sequence[str]:
    mine = select(sessions.c.session_id).where(sessions.c.dataset_group.in_(groups))
    return sorted({row[0] for row in rows_of(connection, mine, sessions.c.user_id, users)})


def _refuse_bound(connection: Connection, groups: Sequence[str], visits: Sequence[str]) -> None:
    mine = select(sessions.c.session_id).where(sessions.c.dataset_group.in_(groups)).limit(1)
    if rows_of(connection, mine, sessions.c.session_id, visits):
        raise Conflict(
            "this session belongs to a user: erase the user, whose sessions go too",
            field="sessionId",
        )


def _add(connection: Connection, erasure_id: str, kind: str, names: Sequence[str]) -> None:
    who = {"erasure_id": erasure_id, "kind": kind}
    rows = [{**who, "name": one, "visitor": visitor_digest(kind, one)} for one in names]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        insert_new(connection, erased_visitors, rows[start : start + _ROWS_AT_ONCE])


_NAMED = (
    (USER, events.c.user_id),
    (USER, users.c.user_id),
    (USER, sessions.c.user_id),
    (USER, impressions.c.user_id),
    (SESSION, events.c.session_id),
    (SESSION, sessions.c.session_id),
    (SESSION, impressions.c.session_id),
)


class RowsOfPlugin(Protocol):
    """Rows of a plugin that may be about visitors."""

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """Yield what deletes those about the visitors, from before the erasure was noted."""

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """Return kind, name and hash of the visitors, by their hashes, whom the rows name."""


class VisitorRows(TableAccess):
    """Deletes what the tables hold of visitors."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._plugins: list[RowsOfPlugin] = [rows(database) for rows in added("visitor_rows")]

    def erase(self, erasure: Erasure, names: ErasedNames) -> None:
        """Delete their events, sessions, attributes and answers, and count them in the record."""
        # A few visitors at a time, so that others may write; a second call deletes what is left.
        for part in in_parts(names.users):
            groups = users.c.dataset_group.in_(_groups(erasure.dataset_group))
            attributes = delete(users).where(groups, users.c.user_id.in_(part))
            self._delete(erasure, [*_traces(erasure, "user_id", part), attributes])
        for part in in_parts(names.sessions):
            groups = sessions.c.dataset_group.in_(_groups(erasure.dataset_group))
            bound = delete(sessions).where(groups, sessions.c.session_id.in_(part))
            self._delete(erasure, [*_traces(erasure, "session_id", part), bound])
        for plugin in self._plugins:
            for deletion in plugin.deletions(erasure, names, _groups(erasure.dataset_group)):
                self._delete(erasure, [deletion])

    def find(self, dataset_group: str, visitors: Collection[str]) -> list[tuple[str, str, str]]:
        """Kind, name and hash of those with one of the hashes; reads every name."""
        found: set[tuple[str, str, str]] = set()
        for kind, column in _NAMED:
            mine = column.table.c.dataset_group.in_(_groups(dataset_group))
            names = select(column).where(mine, column.is_not(None)).distinct()
            found |= {
                (kind, name, visitor)
                for name in self._scalars(names)
                if (visitor := visitor_digest(kind, name)) in visitors
            }
        for plugin in self._plugins:
            found |= plugin.find(_groups(dataset_group), visitors)
        return sorted(found)

    def _delete(self, erasure: Erasure, statements: Sequence[Delete]) -> None:
        with self._database.writing() as connection:
            for one in statements:
                if one.table is events and one.whereclause is not None:
                    take_out_raws(connection, one.whereclause)
            counting = connection.execution_options(preserve_rowcount=True)
            deleted = sum(counting.execute(one).rowcount for one in statements)
            connection.execute(
                update(erasures)
                .where(erasures.c.erasure_id == erasure.erasure_id)
                .values(deleted=erasures.c.deleted + deleted)
            )


def _groups(dataset_group: str) -> tuple[str, str]:
    return dataset_group, f"{dataset_group}{ACTIONS}"


def _traces(erasure: Erasure, column: str, names: Sequence[str]) -> Iterator[Delete]:
    """Yield what deletes the events and answers of users, or the anonymous ones of sessions."""
    # What came after the erasure was noted stays.
    for table, is_covered in (
        (events, events.c.offset <= erasure.through),
        (impressions, impressions.c.answered_at <= erasure.noted_at),
    ):
        theirs: ColumnElement[bool] = table.c[column].in_(names)
        # An event of a session that names a user is that user's.
        if column == "session_id":
            theirs &= table.c.user_id.is_(None)
        mine = table.c.dataset_group.in_(_groups(erasure.dataset_group))
        yield delete(table).where(mine, is_covered, theirs)
