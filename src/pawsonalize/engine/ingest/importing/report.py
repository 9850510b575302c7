"""What an import did, and what was wrong with which row."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pawsonalize.domain.schemas import DatasetType


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was left out. `line` is where it begins, from 1; no column: the row as a whole."""

    line: int
    column: str | None
    reason: str

    def json_line(self) -> bytes:
        """The error as one line of a JSON Lines report."""
        return msgspec.json.encode(self) + b"\n"


OnError = Callable[[RowError], None]


def unreported(_error: RowError) -> None:
    """For callers that want only the first errors of the report."""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one file: each of its rows was accepted, a duplicate or rejected.

    Duplicates were imported before. `first_errors` holds the first few of the rejected.
    """

    dataset: DatasetType
    accepted: int
    duplicates: int
    rejected: int
    first_errors: tuple[RowError, ...]

    @property
    def is_refused(self) -> bool:
        """Whether there were rows and none of them was good."""
        return bool(self.rejected) and not self.accepted + self.duplicates
