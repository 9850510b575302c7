"""The port of what came of answers: outcomes in the log, and the sessions they are counted by."""

from collections.abc import Collection
from typing import Protocol

from pawsonalize.domain.event_types import EventTypes
from pawsonalize.domain.events import LoggedEvent


class Outcomes(Protocol):
    """Reads of the events table by what types mean and by time, all of one dataset group.

    They read the whole time asked for: for reports, never for answers.
    """

    @property
    def event_types(self) -> EventTypes:
        """What types of events mean."""
        ...

    def of(self, dataset_group: str) -> "Outcomes":
        """The outcomes of another dataset group."""
        ...

    def events(
        self, meanings: Collection[str], since: int, until: int, after: int, limit: int
    ) -> list[LoggedEvent]:
        """Events that mean one of these, sent from `since` to before `until`, beyond `after`."""
        ...

    def sessions(self, since: int, until: int) -> set[str]:
        """The ids of sessions with an event sent in that time."""
        ...

    def users_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """Whose the sessions are, of those that are bound to a user."""
        ...
