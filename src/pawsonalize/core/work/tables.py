"""The work table: pieces of work, who holds them, and turns for fairness among dataset groups."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, true, update

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import insert_new, upsert
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import resources, servers, turns, work

WaitingT = TypeVar("WaitingT")

OPEN = "open"
"""The state of work that has not ended. Each kind has further states."""

_COLUMNS = work.c
_ROW = [column.label(column.key) for column in work.c]
_TOKEN_BITS = 62  # the column is a signed number of 64 bits
_FREE = {"holder": None, "token": None, "generation": 0}


# Work is claimed by a lease. The claim draws a token, and every write of its holder looks first
# whether the row still has that token (`fence_writes`). So a holder that was only slow writes
# nothing after another one has followed it. `leases.py` says when a holder counts as dead.
class Work(msgspec.Struct, frozen=True):
    """A piece of work; without a kind, a lease alone, which goes when it is free."""

    name: str  # name of the work, unique among all kinds
    kind: str = ""
    queue: str = ""  # the part of its kind that it waits in
    state: str = OPEN
    payload: str = ""  # everything that its kind needs to do it, or to go on with it
    created_at: int = 0
    due_at: int | None = None
    """The moment from which on it may be attempted; None: no attempt is to come by itself."""
    ended_at: int | None = None
    attempts: int = 0  # number of attempts begun
    error: str | None = None  # reason why the last attempt failed
    worked_ms: int = 0  # time worked on it, in milliseconds
    holder: str | None = None  # its holder: unique among all processes of all machines
    # Drawn anew with each claim, so that who has lost the lease cannot write with it.
    token: int | None = None
    heartbeats: int = 0  # counted up by the holder
    generation: int = 0  # claims since it was free: one more for each holder that was lost

    @property
    def key(self) -> str:
        """Its name among those of its kind."""
        return self.name.removeprefix(f"{self.kind}.")


class WorkTable(TableAccess):
    """The work of all machines over one database."""

    def add(self, pieces: Iterable[Work], *, alone: bool = False) -> bool:
        """Store work of new names; True if any is. With `alone`, not if its kind has open work."""
        rows = [asdict(piece) for piece in pieces]
        same = _COLUMNS.kind.in_({row["kind"] for row in rows})
        going_on = select(_COLUMNS.name).where(same, _COLUMNS.ended_at.is_(None))
        with self._database.writing() as connection:
            if not rows or (alone and connection.scalar(going_on.limit(1)) is not None):
                return False
            return insert_new(connection, work, rows) > 0

    def find(self, name: str) -> Work | None:
        """One piece of work or lease; None if there is none of that name."""
        return next(iter(self._read(_COLUMNS.name == name, limit=1)), None)

    def open(self, kind: str) -> Work | None:
        """The oldest work of that kind that has not ended, or None."""
        going_on = (_COLUMNS.kind == kind, _COLUMNS.ended_at.is_(None))
        return next(iter(self._read(*going_on, order=[_COLUMNS.created_at], limit=1)), None)

    def newest(self, kind: str, limit: int) -> list[Work]:
        """Work of that kind, the newest first."""
        order = [_COLUMNS.created_at.desc(), _COLUMNS.name]
        return self._read(_COLUMNS.kind == kind, order=order, limit=limit)

    def due(self, kind: str, queue: str, now: int, limit: int) -> list[Work]:
        """Work that is due, the longest due first; a process may hold some of it already."""
        order = [_COLUMNS.due_at, _COLUMNS.created_at, _COLUMNS.name]
        mine = (_COLUMNS.kind == kind, _COLUMNS.queue == queue, _COLUMNS.due_at <= now)
        return self._read(*mine, order=order, limit=limit)

    def change(self, name: str, **values: object) -> bool:
        """Change work that has not ended; False if there is none of that name."""
        return self._update(and_(_COLUMNS.name == name, _COLUMNS.ended_at.is_(None)), values) == 1

    def retry(self, kind: str, states: Iterable[str], now: int, prefix: str = "") -> int:
        """Make due all work of a kind in these states whose name has the prefix; how many."""
        anew = {"state": OPEN, "due_at": now, "ended_at": None}
        return self._update(_in_state(kind, states, prefix), anew)

    def count(self, kind: str, states: Iterable[str], prefix: str = "") -> int:
        """Count work of a kind that is in these states and whose name has the prefix."""
        count = select(func.count()).select_from(work).where(_in_state(kind, states, prefix))
        return int(self._scalar(count))

    def forget(self, kind: str, ended_before: int) -> int:
        """Delete work of a kind that ended before that moment; returns how many rows."""
        ended = (_COLUMNS.kind == kind, _COLUMNS.ended_at < ended_before)
        return self._execute(delete(work).where(*ended))

    def withdraw(self, kind: str, states: Iterable[str], prefix: str, resource: str) -> None:
        """Delete work of queues with this prefix whose resource, of the queue's name, is gone."""
        left = select(resources.c.name).where(resources.c.kind == resource)
        begins = func.substr(_COLUMNS.queue, 1, len(prefix)) == prefix
        lost = (_in_state(kind, states, ""), begins, _COLUMNS.queue.not_in(left))
        self._execute(delete(work).where(*lost))

    def claim(self, name: str, seen: Work | None, holder: str) -> Work | None:
        """Claim a name if its row is still as `seen`; None if another process changed it."""
        token = secrets.randbits(_TOKEN_BITS)
        new = Work(name, attempts=1, holder=holder, token=token, generation=1)
        with self._database.writing() as connection:
            if seen is None:
                return new if insert_new(connection, work, [asdict(new)]) else None
            # Compare-and-set: of several processes that saw the same row, the update finds it
            # unchanged for one.
            same = and_(
                _COLUMNS.name == name,
                _COLUMNS.token.is_not_distinct_from(seen.token),
                _COLUMNS.heartbeats == seen.heartbeats,
                _COLUMNS.attempts == seen.attempts,
            )
            counted = {"attempts": _COLUMNS.attempts + 1, "generation": _COLUMNS.generation + 1}
            claim = (
                update(work).where(same).values(holder=holder, token=token, heartbeats=0, **counted)
            )
            row = connection.execute(claim.returning(*_ROW)).mappings().first()
        return None if row is None else Work(**row)

    def heartbeat(self, tokens: Mapping[str, int]) -> frozenset[str]:
        """Count up the heartbeats of leases, by name and token; returns those still held so."""
        mine = or_(*(_holds(name, token) for name, token in tokens.items()))
        with self._database.writing() as connection:
            connection.execute(update(work).where(mine).values(heartbeats=_COLUMNS.heartbeats + 1))
            return frozenset(connection.scalars(select(_COLUMNS.name).where(mine)))

    def release(self, name: str, token: int) -> None:
        """Free a lease, if it is still held with that token."""
        with self._database.writing() as connection:
            _free(connection, _holds(name, token))

    def revoke(self, name: str) -> None:
        """Take a lease from whoever has it: they end with their next heartbeat or write."""
        with self._database.writing() as connection:
            _free(connection, _COLUMNS.name == name)

    def _read(
        self, *where: ColumnElement[bool], order: Iterable[ColumnElement[Any]] = (), limit: int
    ) -> list[Work]:
        wanted = select(*_ROW).where(*where).order_by(*order).limit(limit)
        return [Work(**row) for row in self._mappings(wanted)]

    def _update(self, which: ColumnElement[bool], values: Mapping[str, object]) -> int:
        return self._execute(update(work).where(which).values(values))


def forget_processes(database: Database) -> None:
    """Free all leases and empty the list of servers, in a copy of a database made elsewhere."""
    with database.writing() as connection:
        _free(connection, true())
        connection.execute(delete(servers))


def _free(connection: Connection, which: ColumnElement[bool]) -> None:
    # A lease alone goes, and work only becomes free.
    connection.execute(delete(work).where(which, _COLUMNS.kind == ""))
    connection.execute(update(work).where(which).values(_FREE))


def _holds(name: str, token: int) -> ColumnElement[bool]:
    return and_(_COLUMNS.name == name, _COLUMNS.token == token)


def _in_state(kind: str, states: Iterable[str], prefix: str) -> ColumnElement[bool]:
    # Not LIKE, which takes `_` for any letter.
    begins = func.substr(_COLUMNS.name, 1, len(prefix)) == prefix
    return and_(_COLUMNS.kind == kind, _COLUMNS.state.in_(states), begins)


class Turns(TableAccess):
    """Round-robin turns of dataset groups at one kind of work, numbered upwards."""

    def __init__(self, database: Database, work: str) -> None:
        super().__init__(database)
        self._work = work

    def last(self) -> dict[str, int]:
        """The last turn of each dataset group that had one."""
        wanted = select(turns.c.dataset_group, turns.c.turn).where(turns.c.work == self._work)
        return {row.dataset_group: row.turn for row in self._rows(wanted)}

    def ordered(
        self, waiting: Sequence[WaitingT], group_of: Callable[[WaitingT], str | None]
    ) -> list[WaitingT]:
        """Return waiting work, given oldest first, in round-robin order of its dataset groups."""
        # First of the one whose last turn was longest ago; the first work of each dataset group
        # comes before the second of any.
        if len(waiting) < 2:
            return list(waiting)
        last, positions = self.last(), Counter[str]()

        def queue_position(piece: WaitingT) -> tuple[int, int]:
            group = group_of(piece) or ""
            positions[group] += 1
            return positions[group], last.get(group, 0)

        return sorted(waiting, key=queue_position)

    def begun(self, group: str | None) -> None:
        """Note that the dataset group has had the next turn; the others are next."""
        newest = select(func.coalesce(func.max(turns.c.turn), 0)).where(turns.c.work == self._work)
        with self._database.writing() as connection:
            # Writers have one turn each, so no number is given twice.
            turn = (connection.scalar(newest) or 0) + 1
            upsert(connection, turns, [self._row(group, turn)])

    def put(self, group: str, turn: int) -> None:
        """Note a turn of this number, for work whose turns have numbers of their own."""
        self._put(turns, [self._row(group, turn)])

    def _row(self, group: str | None, turn: int) -> dict[str, Any]:
        return {"work": self._work, "dataset_group": group or "", "turn": turn}
