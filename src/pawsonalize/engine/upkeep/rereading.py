"""Events read anew from how they came in, by the reader of today."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event, LoggedEvent

MOST_NAMED = 100

Reader = Callable[[str, Event], Event]
"""Reads an event's JSON; beside it the event as it was read before. InvalidInput if it cannot."""


@dataclass(slots=True)
class Rereading:
    """Reads events anew and counts what became of them.

    The offset, the event id, the moment at which it came in and the dataset group stay. What cannot
    be read anew stays as it was archived.
    """

    read: Reader
    same: int = 0
    changed: int = 0
    without_raw: int = 0
    refused: int = 0
    named: list[str] = field(default_factory=list)
    """The first of those that stayed as they were, with the reason."""

    def rows(self, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """These events, as they are read today."""
        return [replace(row, event=self._event(row)) for row in rows]

    def _event(self, row: LoggedEvent) -> Event:
        was = row.event
        if was.raw is None:
            self.without_raw += 1
            self._name(row, "it is not known how it came in")
            return was
        try:
            event = self.read(was.raw, was)
        except InvalidInput as error:
            self.refused += 1
            self._name(row, error.message)
            return was
        now = replace(
            event,
            event_id=was.event_id,
            received_at=was.received_at,
            dataset_group=was.dataset_group,
            raw=was.raw,
        )
        if now == was:
            self.same += 1
        else:
            self.changed += 1
        return now

    def _name(self, row: LoggedEvent, reason: str) -> None:
        if len(self.named) < MOST_NAMED:
            self.named.append(f"offset {row.offset}: {reason}")
