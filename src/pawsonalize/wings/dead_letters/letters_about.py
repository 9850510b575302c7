"""Dead letters that are about visitors who are to be erased."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Delete, delete, select

from pawsonalize.domain.events import visitor_digest
from pawsonalize.storage.database import Database
from pawsonalize.storage.erasures import ErasedNames, Erasure
from pawsonalize.storage.tables import erased_visitors
from pawsonalize.wings.dead_letters.letters import Mentions, names_in
from pawsonalize.wings.dead_letters.tables import dead_letters

HASH_BYTES: Final = 16
_AT_ONCE = 500
_COLUMNS = dead_letters.c


class VisitorLetters:
    """The letters in the table that are about visitors."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """See `RowsOfWing.deletions`.

        Those that were found to be about one of the visitors go, and those that have a name of one
        as a word anywhere: rather one letter too many.
        """
        who = erased_visitors.c
        mine = select(who.visitor).where(who.erasure_id == erasure.erasure_id)
        with self._database.reading() as connection:
            wanted = {bytes.fromhex(one) for one in connection.scalars(mine)}
        mentions = Mentions((*names.users, *names.sessions))
        for rows in _pages(self._database, groups):
            found = [
                row["letter_id"]
                for row in rows
                if row["at"] <= erasure.noted_at
                and (
                    not wanted.isdisjoint(hashes_of(row["visitors"]))
                    or mentions.among(row["raw"], row["mended"])
                )
            ]
            if found:
                yield delete(dead_letters).where(_COLUMNS.letter_id.in_(found))

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """See `RowsOfWing.find`."""
        wanted = {bytes.fromhex(one) for one in visitors}
        found = set()
        for rows in _pages(self._database, groups):
            for row in rows:
                if not wanted.isdisjoint(hashes_of(row["visitors"])):
                    found |= names_in(row["raw"], row["mended"])
        named = {(kind, name, visitor_digest(kind, name)) for kind, name in found}
        return {one for one in named if one[2] in visitors}


def hashes_of(packed: bytes) -> list[bytes]:
    """The hashes that a letter was stored with."""
    return [bytes(packed[n : n + HASH_BYTES]) for n in range(0, len(packed), HASH_BYTES)]


def _pages(database: Database, groups: Sequence[str]) -> Iterator[list[Mapping[Any, Any]]]:
    """Every letter of the dataset groups, a few at a time."""
    columns = ("letter_id", "at", "visitors", "raw", "mended")
    after = ""
    while True:
        page = (
            select(*(_COLUMNS[name] for name in columns))
            .where(_COLUMNS.dataset_group.in_(groups), _COLUMNS.letter_id > after)
            .order_by(_COLUMNS.letter_id)
            .limit(_AT_ONCE)
        )
        with database.reading() as connection:
            rows = list(connection.execute(page).mappings())
        if not rows:
            return
        yield list(rows)
        after = rows[-1]["letter_id"]


VISITOR_ROWS = (VisitorLetters,)
