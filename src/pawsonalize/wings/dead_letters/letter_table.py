"""Rows of the table of dead letters, and queries for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from pawsonalize.wings.dead_letters.letters import DeadLetter
from pawsonalize.wings.dead_letters.tables import dead_letters

_COLUMNS = dead_letters.c
OF_A_LETTER = [_COLUMNS[name] for name in DeadLetter.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which letters; None means any."""

    code: str | None = None
    source: str | None = None
    since: int | None = None
    """Those that came in at or after this moment."""
    until: int | None = None
    """Those that came in before this moment."""
    dataset_group: str | None = None
    """Those that were to go into this dataset group."""

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what their rows fulfil."""
        for name in ("code", "source", "dataset_group"):
            if (value := getattr(self, name)) is not None:
                yield _COLUMNS[name] == value
        if self.since is not None:
            yield _COLUMNS.at >= self.since
        if self.until is not None:
            yield _COLUMNS.at < self.until


ALL = LetterQuery()


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many letters wait for one reason."""

    source: str
    code: str
    field: str | None
    count: int


def letter_of(row: Mapping[Any, Any]) -> DeadLetter:
    """The letter that a row of these columns is."""
    return DeadLetter(**{column.name: row[column] for column in OF_A_LETTER})
