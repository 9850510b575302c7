"""Leases by name: who does what only one may do at a time."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert_new
from pawsonalize.storage.work_tables import leases

_COLUMNS = leases.c
_TOKEN_BITS = 62


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease as the table knows it."""

    name: str
    """What is leased."""
    holder: str
    """Who has it: unique among all processes of all machines."""
    token: int
    """Drawn anew with each taking, so that who has lost the lease cannot write with it."""
    beats: int
    """Counted up by the holder."""
    takings: int
    """How often it was taken since it was free: once more for each holder that was lost."""


class LeaseTable:
    """The leases of all machines over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, name: str) -> LeaseRow | None:
        """One lease; None if it is free."""
        with self._database.reading() as connection:
            row = connection.execute(select(leases).where(_COLUMNS.name == name)).mappings().first()
        return None if row is None else LeaseRow(**row)

    def take(self, name: str, seen: LeaseRow | None, holder: str) -> LeaseRow | None:
        """Take a lease if it still is as it was seen; None if it is not."""
        token, takings = secrets.randbits(_TOKEN_BITS), 1 if seen is None else seen.takings + 1
        taken = LeaseRow(name, holder, token, 0, takings)
        with self._database.writing() as connection:
            if seen is None:
                return taken if insert_new(connection, leases, [asdict(taken)]) else None
            same = and_(_holds(name, seen.token), _COLUMNS.beats == seen.beats)
            changed = connection.execute(update(leases).where(same).values(asdict(taken)))
            return taken if changed.rowcount else None

    def beat(self, tokens: Mapping[str, int]) -> frozenset[str]:
        """Show that the holder of these leases lives; the names that are still its own."""
        mine = or_(*(_holds(name, token) for name, token in tokens.items()))
        with self._database.writing() as connection:
            connection.execute(update(leases).where(mine).values(beats=_COLUMNS.beats + 1))
            return frozenset(connection.scalars(select(_COLUMNS.name).where(mine)))

    def release(self, name: str, token: int) -> None:
        """Let a lease go, if it is still held with that token."""
        with self._database.writing() as connection:
            connection.execute(delete(leases).where(_holds(name, token)))

    def revoke(self, name: str) -> None:
        """Take a lease from whoever has it: they end with their next beat or write."""
        with self._database.writing() as connection:
            connection.execute(delete(leases).where(_COLUMNS.name == name))


def _holds(name: str, token: int) -> ColumnElement[bool]:
    return and_(_COLUMNS.name == name, _COLUMNS.token == token)
