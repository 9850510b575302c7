"""Erased visitors, for all who read or write their traces."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from pawsonalize.domain.erasures import ErasedVisitors
from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import in_parts
from pawsonalize.storage.tables import erased_visitors, erasures

_WHO = erased_visitors.c


class ErasedLookup:
    """Finds erased visitors by the hashes of their ids."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find_covering(self, visitors: Collection[str]) -> ErasedVisitors:
        """Return the erasures that cover these visitors, by their hashes."""
        found: dict[tuple[str, str], int] = {}
        with self._database.reading() as connection:
            for part in in_parts(sorted(visitors)):
                for row in connection.execute(_covering(part)):
                    found[row[0], row[1]] = row[2]
        return ErasedVisitors(found)

    def noted(self, visitors: Collection[str]) -> dict[tuple[str, str], int]:
        """When these visitors were last noted for erasure, by dataset group and hash."""
        with self._database.reading() as connection:
            return noted_at(connection, visitors)

    def through(self) -> int:
        """The greatest offset that any erasure covers; 0 without erasures."""
        with self._database.reading() as connection:
            return connection.scalar(select(func.max(erasures.c.through))) or 0

    def last_noted(self) -> int:
        """When an erasure was last noted; -1 if none ever was."""
        with self._database.reading() as connection:
            return last_noted(connection)

    def noted_since(self, moment: int, dataset_group: str) -> dict[str, int]:
        """When the visitors were noted that were noted after that moment, by their hashes."""
        wanted = (
            select(_WHO.visitor, func.max(erasures.c.noted_at))
            .join(erasures, erasures.c.erasure_id == _WHO.erasure_id)
            .where(erasures.c.noted_at > moment, erasures.c.dataset_group == dataset_group)
            .group_by(_WHO.visitor)
        )
        with self._database.reading() as connection:
            if last_noted(connection) <= moment:
                return {}
            return {row[0]: row[1] for row in connection.execute(wanted)}

    def has_any_since(self, moment: int, dataset_group: str) -> bool:
        """Whether anybody of the dataset group was noted at that moment or later."""
        found = select(erasures.c.erasure_id).where(
            erasures.c.noted_at >= moment, erasures.c.dataset_group == dataset_group
        )
        with self._database.reading() as connection:
            return connection.scalar(found.limit(1)) is not None


def last_noted(connection: Connection) -> int:
    """When an erasure was last noted; -1 if none ever was."""
    found = connection.scalar(select(func.max(erasures.c.noted_at)))
    return -1 if found is None else found


def noted_at(connection: Connection, visitors: Collection[str]) -> dict[tuple[str, str], int]:
    """When these visitors were last noted for erasure, by dataset group and hash."""
    found: dict[tuple[str, str], int] = {}
    for part in in_parts(sorted(visitors)):
        noted = (
            select(erasures.c.dataset_group, erased_visitors.c.visitor, erasures.c.noted_at)
            .join(erasures, erasures.c.erasure_id == erased_visitors.c.erasure_id)
            .where(erased_visitors.c.visitor.in_(part))
            .order_by(erasures.c.noted_at)
        )
        found |= {(row[0], row[1]): row[2] for row in connection.execute(noted)}
    return found


def _covering(visitors: Sequence[str]) -> Select[Any]:
    return (
        select(erasures.c.dataset_group, _WHO.visitor, func.max(erasures.c.through))
        .join(erasures, erasures.c.erasure_id == _WHO.erasure_id)
        .where(_WHO.visitor.in_(visitors))
        .group_by(erasures.c.dataset_group, _WHO.visitor)
    )
