"""The newest events of a dataset group, as they come in, and single ones by their ids."""

from dataclasses import dataclass

from sqlalchemy import func, select

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, LoggedEvent
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_rows import read_event_row
from pawsonalize.storage.tables import events

_WINDOW = 200_000  # offsets: what is looked through at most, whoever else fills the log


@dataclass(frozen=True, slots=True)
class TailQuery:
    """Conditions on the newest events; None means any."""

    limit: int
    after: int = 0
    """Only those beyond this offset."""
    before: int | None = None
    """Only those in front of this offset."""
    event_type: str | None = None
    """Of this type, as it was sent."""


class EventTail:
    """The newest events of one dataset group."""

    def __init__(self, database: Database, dataset_group: str = DEFAULT_DATASET_GROUP) -> None:
        self._database = database
        self._dataset_group = dataset_group

    def of(self, dataset_group: str) -> "EventTail":
        """The newest events of another dataset group."""
        return EventTail(self._database, dataset_group)

    def newest(self, query: TailQuery) -> list[LoggedEvent]:
        """Events among the last 200,000 of the log, newest first."""
        with self._database.reading() as connection:
            newest = connection.scalar(select(func.max(events.c.offset))) or 0
            end = newest + 1 if query.before is None else query.before
            wanted = (
                select(events)
                .where(
                    events.c.dataset_group == self._dataset_group,
                    events.c.offset < end,
                    events.c.offset > max(query.after, end - _WINDOW),
                )
                .order_by(events.c.offset.desc())
                .limit(query.limit)
            )
            if query.event_type is not None:
                wanted = wanted.where(events.c.event_type == query.event_type)
            return [read_event_row(row) for row in connection.execute(wanted)]

    def find(self, event_id: str) -> LoggedEvent | None:
        """The stored event of that id, or None."""
        wanted = select(events).where(
            events.c.event_id == event_id, events.c.dataset_group == self._dataset_group
        )
        with self._database.reading() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else read_event_row(row)
