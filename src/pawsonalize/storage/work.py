"""The work table: what is to be done, who does it, and what became of it.

A piece of work is claimed by a lease. The claim draws a token, and every write of its holder looks
first whether the row still has that token (`fencing.py`). So a holder that was only slow writes
nothing after another one has followed it. `kinds/leases.py` says when a holder counts as dead.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, true, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert_new
from pawsonalize.storage.work_tables import work

OPEN = "open"
"""The state of work that has not ended. Each kind has further states."""

_COLUMNS = work.c
_TOKEN_BITS = 62
_FREE = {"holder": None, "token": None, "takings": 0}


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work; without a kind, a lease alone, which goes when it is free."""

    name: str
    """Name of the work, unique among all kinds."""
    kind: str = ""
    queue: str = ""
    """The part of its kind that it waits in."""
    state: str = OPEN
    payload: str = ""
    """Everything that its kind needs to do it, or to go on with it."""
    created_at: int = 0
    due_at: int | None = None
    """The moment from which on it may be attempted; None: no attempt is to come by itself."""
    ended_at: int | None = None
    attempts: int = 0
    """Number of attempts begun."""
    error: str | None = None
    """Reason why the last attempt failed."""
    worked_ms: int = 0
    """Time worked on it, in milliseconds."""
    holder: str | None = None
    """Its holder: unique among all processes of all machines."""
    token: int | None = None
    """Drawn anew with each claim, so that who has lost the lease cannot write with it."""
    beats: int = 0
    """Counted up by the holder."""
    takings: int = 0
    """Number of claims since it was free: one more for each holder that was lost."""

    @property
    def key(self) -> str:
        """Its name among those of its kind."""
        return self.name.removeprefix(f"{self.kind}.")


class WorkTable:
    """The work of all machines over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, pieces: Iterable[Work], *, alone: bool = False) -> bool:
        """Store new work in one transaction; a name that is there stays as it is.

        True if any is new. With `alone`, nothing is added while work of its kind is open.
        """
        rows = [asdict(one) for one in pieces]
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
        found = self._read(
            _COLUMNS.kind == kind, _COLUMNS.ended_at.is_(None), order=[_COLUMNS.created_at], limit=1
        )
        return next(iter(found), None)

    def newest(self, kind: str, limit: int) -> list[Work]:
        """Work of that kind, the newest first."""
        order = [_COLUMNS.created_at.desc(), _COLUMNS.name]
        return self._read(_COLUMNS.kind == kind, order=order, limit=limit)

    def due(self, kind: str, queue: str, now: int, limit: int) -> list[Work]:
        """Work whose time has come, what is due longest first; somebody may be at it."""
        order = [_COLUMNS.due_at, _COLUMNS.created_at, _COLUMNS.name]
        mine = (_COLUMNS.kind == kind, _COLUMNS.queue == queue, _COLUMNS.due_at <= now)
        return self._read(*mine, order=order, limit=limit)

    def change(self, name: str, **values: Any) -> bool:
        """Change work that has not ended; False if there is none of that name."""
        return self._update(and_(_COLUMNS.name == name, _COLUMNS.ended_at.is_(None)), values) == 1

    def retry(self, kind: str, states: Iterable[str], now: int, prefix: str = "") -> int:
        """Make all of a kind due that is in these states and whose name begins so; how many."""
        anew = {"state": OPEN, "due_at": now, "ended_at": None}
        return self._update(_in_state(kind, states, prefix), anew)

    def count(self, kind: str, states: Iterable[str], prefix: str = "") -> int:
        """Count all of a kind that is in these states and whose name begins so."""
        found = select(func.count()).select_from(work).where(_in_state(kind, states, prefix))
        with self._database.reading() as connection:
            return connection.scalar(found) or 0

    def forget(self, kind: str, ended_before: int) -> int:
        """Delete what of a kind ended before that moment; returns how much."""
        old = delete(work).where(_COLUMNS.kind == kind, _COLUMNS.ended_at < ended_before)
        with self._database.writing() as connection:
            return connection.execute(old).rowcount

    def take(self, name: str, seen: Work | None, holder: str) -> Work | None:
        """Claim a name if it still is as it was seen; None if it is not."""
        token = secrets.randbits(_TOKEN_BITS)
        new = Work(name, attempts=1, holder=holder, token=token, takings=1)
        with self._database.writing() as connection:
            if seen is None:
                return new if insert_new(connection, work, [asdict(new)]) else None
            # Compare-and-set: of several processes that saw the same row, the update finds it
            # unchanged for one.
            same = and_(
                _COLUMNS.name == name,
                _COLUMNS.token.is_not_distinct_from(seen.token),
                _COLUMNS.beats == seen.beats,
                _COLUMNS.attempts == seen.attempts,
            )
            counted = {"attempts": _COLUMNS.attempts + 1, "takings": _COLUMNS.takings + 1}
            claim = update(work).where(same).values(holder=holder, token=token, beats=0, **counted)
            row = connection.execute(claim.returning(*_COLUMNS)).mappings().first()
        return None if row is None else Work(**row)

    def beat(self, tokens: Mapping[str, int]) -> frozenset[str]:
        """Show that the holder of these leases lives; the names that are still its own."""
        mine = or_(*(_holds(name, token) for name, token in tokens.items()))
        with self._database.writing() as connection:
            connection.execute(update(work).where(mine).values(beats=_COLUMNS.beats + 1))
            return frozenset(connection.scalars(select(_COLUMNS.name).where(mine)))

    def release(self, name: str, token: int) -> None:
        """Let a lease go, if it is still held with that token."""
        self._free(_holds(name, token))

    def revoke(self, name: str) -> None:
        """Take a lease from whoever has it: they end with their next beat or write."""
        self._free(_COLUMNS.name == name)

    def revoke_all(self) -> None:
        """Take all leases: whoever had them is on another machine, from which this is a copy."""
        self._free(true())

    def _free(self, which: ColumnElement[bool]) -> None:
        with self._database.writing() as connection:
            connection.execute(delete(work).where(which, _COLUMNS.kind == ""))
            connection.execute(update(work).where(which).values(_FREE))

    def _read(
        self, *where: ColumnElement[bool], order: Iterable[ColumnElement[Any]] = (), limit: int
    ) -> list[Work]:
        wanted = select(work).where(*where).order_by(*order).limit(limit)
        with self._database.reading() as connection:
            return [Work(**row) for row in connection.execute(wanted).mappings()]

    def _update(self, which: ColumnElement[bool], values: Mapping[str, Any]) -> int:
        with self._database.writing() as connection:
            return connection.execute(update(work).where(which).values(values)).rowcount


def _holds(name: str, token: int) -> ColumnElement[bool]:
    return and_(_COLUMNS.name == name, _COLUMNS.token == token)


def _in_state(kind: str, states: Iterable[str], prefix: str) -> ColumnElement[bool]:
    begins = func.substr(_COLUMNS.name, 1, len(prefix)) == prefix
    return and_(_COLUMNS.kind == kind, _COLUMNS.state.in_(states), begins)
