"""Reads what the verdict on personalisation counts: events, and how many animals there were."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import msgspec
from sqlalchemy import func, not_, select

from pawsonalize.core.database.table_access import GroupTables
from pawsonalize.core.database.tables import animals, events, stays
from pawsonalize.core.event import visitor_key
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.tables.event_reads import IS_IMPORTED

DAYS = 28
_EVENTS = 200_000  # the newest; a site that has more within weeks shows its faults in them


class SeenEvent(msgspec.Struct, frozen=True, gc=False):
    """An event, with species and shelter of its animal; both None where the inventory lacks it."""

    user_id: str | None
    session_id: str | None
    event_type: str
    animal_id: str | None
    item_id: str
    sent_at: int
    received_at: int
    recommendation_id: str | None
    reports_page: bool
    species: str | None
    shelter: str | None

    @property
    def visitor(self) -> str:
        """The name of its visitor."""
        return visitor_key(self.user_id, self.session_id)


class Stock(msgspec.Struct, frozen=True):
    """Available animals now and before, and their changes: see `PersonalisationFigures`."""

    things: frozenset[str] = frozenset()
    """Species and shelters of which animals are available, such as `species cat`."""
    available: int = 0
    available_before: int = 0
    still_hours: float = 0
    changes_a_day: float = 0
    longest_still_hours: float = 0


class SeenTables(GroupTables):
    """Events and animals of the past weeks."""

    def events(self, now: int) -> list[SeenEvent]:
        """Return the events that came in within 28 days, the oldest first.

        What came in more than a day after it was sent is history that was sent in, not a visit.
        """
        head = self._scalar(select(func.max(events.c.offset))) or 0
        joined = events.outerjoin(animals, animals.c.animal_id == events.c.animal_id)
        columns = [
            *(events.c[name] for name in SeenEvent.__struct_fields__[:8]),
            events.c.impression.is_not(None),
            *(animals.c.species, animals.c.shelter),
        ]
        lately = (events.c.offset > head - _EVENTS, events.c.received_at > now - DAYS * DAY)
        wanted = select(*columns).select_from(joined).where(self._mine(events), *lately)
        is_live = events.c.received_at - events.c.sent_at <= DAY
        rows = self._rows(wanted.where(not_(IS_IMPORTED), is_live).order_by(events.c.offset))
        return [SeenEvent(*row) for row in rows]

    def stock(self, now: int) -> Stock:
        """Return how many animals are available now, and were at this hour of the past weeks."""
        since = now - DAYS * DAY
        there = select(stays.c.since, stays.c.until).where(stays.c.until > since)
        spans: Sequence[tuple[int, int]] = self._rows(there.where(stays.c.since <= now))
        open_now = stays.c.animal_id == animals.c.animal_id
        kinds = select(animals.c.species, animals.c.shelter).where(
            open_now, stays.c.since <= now, stays.c.until > now
        )
        things = {
            thing
            for species, shelter in self._rows(kinds.distinct())
            for thing in (f"species {species}", f"shelter {shelter}")
        }
        moments = [now - day * DAY for day in range(DAYS)]
        counts = [sum(begin <= at < end for begin, end in spans) for at in moments]
        changes = sorted({at for span in spans for at in span if since < at <= now})
        gaps = [(b - a) / HOUR for a, b in pairwise(changes)]
        number = sum(since < at <= now for span in spans for at in span)
        days = (changes[-1] - changes[0]) / DAY if gaps else 0.0
        return Stock(
            frozenset(things),
            counts[0],
            round(median(counts[1:])),
            (now - changes[-1]) / HOUR if changes else 0.0,
            number / days if days >= 7 else 0.0,
            max(gaps, default=0.0),
        )
