"""Events for tests, written in one line."""

from dataclasses import replace

from pawsonalize.core.event import Event
from pawsonalize.events.tables.event_log import EventLog

T0 = 1_779_019_200_000


def event(
    event_id: str,
    *,
    user: str | None = "ann",
    session: str | None = "s1",
    item: str = "2-Beagle-2-3",
    at: int = 0,
    **more: object,
) -> Event:
    """An event `at` milliseconds after T0."""
    plain = Event(event_id, user, session, "view", item, T0 + at, T0 + at)
    return replace(plain, **more)  # type: ignore[arg-type]  # any of the fields


def is_logged(log: EventLog, event_id: str) -> bool:
    """Whether an event of that id is in the log of the dataset group."""
    found = (one.event for one in log.read(0, log.head(), 100_000))
    return (log.dataset_group, event_id) in {(one.dataset_group, one.event_id) for one in found}
