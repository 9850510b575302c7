"""Outcomes of answers: events by meaning and time, and the sessions they are counted by."""

from collections.abc import Collection

from sqlalchemy import select

from pawsonalize.domain.event_types import STANDARD, EventTypes
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, LoggedEvent
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_rows import read_event_row
from pawsonalize.storage.statements import means
from pawsonalize.storage.tables import events, sessions

_SESSIONS_AT_ONCE = 500  # parameters of one statement


class Outcomes:
    """Reads the events of one dataset group by meaning and time.

    Each call reads the whole time that it is given, so it is for reports and never for answers.
    """

    def __init__(
        self,
        database: Database,
        dataset_group: str = DEFAULT_DATASET_GROUP,
        event_types: EventTypes = STANDARD,
    ) -> None:
        self._database = database
        self._dataset_group = dataset_group
        self._event_types = event_types

    @property
    def event_types(self) -> EventTypes:
        """Meanings of the types of events."""
        return self._event_types

    def of(self, dataset_group: str) -> "Outcomes":
        """The outcomes of another dataset group."""
        return Outcomes(self._database, dataset_group, self._event_types)

    def events(
        self, meanings: Collection[str], since: int, until: int, after: int, limit: int
    ) -> list[LoggedEvent]:
        """Events of these meanings, sent from `since` to before `until`, beyond offset `after`."""
        wanted = (
            select(events)
            .where(
                events.c.offset > after,
                events.c.dataset_group == self._dataset_group,
                means(self._event_types, meanings),
                events.c.sent_at >= since,
                events.c.sent_at < until,
            )
            .order_by(events.c.offset)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()  # far quicker than one by one
            return [read_event_row(row) for row in rows]

    def sessions(self, since: int, until: int) -> set[str]:
        """The ids of the sessions that have an event sent in that time."""
        wanted = (
            select(events.c.session_id)
            .where(
                events.c.dataset_group == self._dataset_group,
                events.c.session_id.is_not(None),
                events.c.sent_at >= since,
                events.c.sent_at < until,
            )
            .distinct()
        )
        with self._database.reading() as connection:
            return {row[0] for row in connection.execute(wanted)}

    def users_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """The user of each of these sessions that is bound to one."""
        ids, found = sorted(session_ids), {}
        with self._database.reading() as connection:
            for begin in range(0, len(ids), _SESSIONS_AT_ONCE):
                wanted = select(sessions.c.session_id, sessions.c.user_id).where(
                    sessions.c.dataset_group == self._dataset_group,
                    sessions.c.session_id.in_(ids[begin : begin + _SESSIONS_AT_ONCE]),
                )
                found.update({row[0]: row[1] for row in connection.execute(wanted)})
        return found
