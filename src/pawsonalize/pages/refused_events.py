"""Refused events in the reports of the console: a port for the wing that keeps them."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class RefusedEvent(msgspec.Struct, frozen=True, rename="camel"):
    """A dead letter in short: what could not be taken, and why."""

    letter_id: str
    at: str
    source: str
    code: str
    message: str
    field: str | None


class LetterReason(msgspec.Struct, frozen=True, rename="camel"):
    """How many dead letters wait for one reason."""

    source: str
    code: str
    field: str | None
    letters: int


class RefusalReports(Protocol):
    """The refused events of a dataset group; a wing offers them as `refused_events`."""

    def naming(self, ids: Sequence[str], group: str) -> list[RefusedEvent]:
        """Return the newest that name an event, a session or a user by one of the ids."""
        ...

    def reasons(self, group: str) -> list[LetterReason]:
        """Count them by source and reason."""
        ...
