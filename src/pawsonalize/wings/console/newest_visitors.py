"""The newest visitors on the console, each with what they did."""

from collections import Counter

import msgspec

from pawsonalize.domain.times import iso
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.event_reads import GroupEvents, TailQuery

_EVENTS = 1_000  # 40 ms
_SHOWN = 200


class SeenVisitor(msgspec.Struct, frozen=True, rename="camel"):
    """A user, or a session of nobody known, with counts of events by type, as they were sent."""

    user_id: str | None
    session_id: str | None
    last_seen_at: str
    events: int
    sessions: int
    deeds: dict[str, int]


class NewestVisitors(msgspec.Struct, frozen=True):
    """Visitors of the newest `events`, 1,000 at most: whoever was here last comes first."""

    events: int
    visitors: list[SeenVisitor]


def newest_visitors(database: Database, group: str) -> NewestVisitors:
    """Return at most 200 visitors of a dataset group."""
    newest = GroupEvents(database, group).newest(TailQuery(_EVENTS))
    found = [one.event for one in newest]
    sessions = {one.session_id for one in found if one.session_id and not one.user_id}
    # A session that a user was known in later is that user's, as in every answer.
    owners = EventLog(database, group).users_of(sessions)
    deeds: dict[tuple[str | None, str | None], Counter[str]] = {}
    last: dict[tuple[str | None, str | None], int] = {}
    visits: dict[tuple[str | None, str | None], set[str | None]] = {}
    for one in found:
        user = one.user_id or owners.get(one.session_id or "")
        visitor = (user, None if user else one.session_id)
        deeds.setdefault(visitor, Counter())[one.event_type] += 1
        last[visitor] = max(one.sent_at, last.get(visitor, 0))
        visits.setdefault(visitor, set()).add(one.session_id)
    shown = sorted(last, key=lambda one: -last[one])[:_SHOWN]
    return NewestVisitors(
        len(found),
        [
            SeenVisitor(
                *one,
                iso(last[one]),
                deeds[one].total(),
                len(visits[one] - {None}),
                dict(deeds[one].most_common()),
            )
            for one in shown
        ],
    )
