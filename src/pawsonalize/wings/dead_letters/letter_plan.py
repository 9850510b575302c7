"""Which object of the archive each dead letter is in, or is to be in."""

import secrets
from collections.abc import Callable

from sqlalchemy import and_, bindparam, func, select, update

from pawsonalize.storage.database import Database
from pawsonalize.wings.dead_letters.letter_table import OF_A_LETTER, letter_of
from pawsonalize.wings.dead_letters.letters import DeadLetter
from pawsonalize.wings.dead_letters.tables import dead_letters

_COLUMNS = dead_letters.c
_NEW = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_(None))
_PLANNED = and_(_COLUMNS.archived_at.is_(None), _COLUMNS.archived_in.is_not(None))

_INTO = (
    update(dead_letters)
    .where(_COLUMNS.letter_id == bindparam("id"))
    .values(archived_in=bindparam("key"))
)


class LetterPlan:
    """Each letter is planned into one object, once; after a crash the plan is still there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, key_of: Callable[[int, str], str], letters: int, most_bytes: int) -> bool:
        """Plan some new letters, at most so many, and about so many bytes in an object.

        `key_of` names the object of a moment and a mark that no other object has; letters of equal
        keys for an equal mark share one. Returns whether there were any.
        """
        columns = (_COLUMNS.letter_id, _COLUMNS.at, func.length(_COLUMNS.raw))
        new = select(*columns).where(_NEW).limit(letters)  # in no order: that takes long of many
        with self._database.writing() as connection:
            rows = connection.execute(new).all()
            mark, size = secrets.token_hex(8), 0
            placed = []
            for letter_id, at, length in rows:
                if size > most_bytes:
                    mark, size = secrets.token_hex(8), 0
                placed.append({"key": key_of(at, mark), "id": letter_id})
                size += length
            if placed:
                connection.execute(_INTO, placed)
        return bool(rows)

    def planned(self) -> list[str]:
        """The objects that are planned, and not known to be written."""
        keys = select(_COLUMNS.archived_in).where(_PLANNED).distinct()
        with self._database.reading() as connection:
            return sorted(connection.scalars(keys))

    def letters(self, key: str) -> list[DeadLetter]:
        """The letters that are planned into an object, oldest first."""
        mine = select(*OF_A_LETTER).where(_PLANNED, _COLUMNS.archived_in == key)
        with self._database.reading() as connection:
            ordered = mine.order_by(_COLUMNS.at, _COLUMNS.letter_id)
            return [letter_of(row) for row in connection.execute(ordered).mappings()]

    def confirm(self, key: str, now: int) -> None:
        """Note that an object is written."""
        with self._database.writing() as connection:
            mine = update(dead_letters).where(_PLANNED, _COLUMNS.archived_in == key)
            connection.execute(mine.values(archived_at=now))
