"""Visitors in each object of the archive, so that an erasure reads only what it must."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, select

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import in_parts, upsert
from pawsonalize.storage.tables import archive_index

_HEX_DIGITS = (
    16  # of a hash: 64 bits, which two visitors hardly share; if so, one object more is read
)


@dataclass(frozen=True, slots=True)
class IndexedObject:
    """Content of an object of the archive."""

    key: str
    size: int
    visitors: Collection[str]
    """By the hashes of their ids."""


class ArchiveIndex:
    """For each object its size when it was looked through, and its visitors by parts of hashes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, looked_through: Sequence[IndexedObject]) -> None:
        """Store what objects hold, in place of what was known of them."""
        rows = [
            {"key": one.key, "size": one.size, "visitors": _numbers(one.visitors).tobytes()}
            for one in looked_through
        ]
        if rows:
            with self._database.writing() as connection:
                upsert(connection, archive_index, rows)

    def forget(self, keys: Collection[str]) -> None:
        """Forget objects that are gone."""
        if not keys:
            return
        with self._database.writing() as connection:
            for part in in_parts(sorted(keys)):
                connection.execute(delete(archive_index).where(archive_index.c.key.in_(part)))

    def sizes(self) -> dict[str, int]:
        """The size that each object had when it was looked through, by key."""
        with self._database.reading() as connection:
            known = connection.execute(select(archive_index.c.key, archive_index.c.size))
            return {row[0]: row[1] for row in known}

    def objects_holding(self, visitors: Collection[str]) -> set[str]:
        """The keys of the objects that hold one of the visitors, by their hashes."""
        wanted = _numbers(visitors)
        if not len(wanted):
            return set()
        with self._database.reading() as connection:
            return {
                key
                for key, held in connection.execute(select(archive_index.c.key, _HELD))
                if np.isin(wanted, np.frombuffer(held, np.uint64)).any()
            }


_HELD = archive_index.c.visitors


def _numbers(visitors: Collection[str]) -> NDArray[np.uint64]:
    return np.sort(np.array([int(one[:_HEX_DIGITS], 16) for one in visitors], np.uint64))
