"""Which items a visitor interacted with in which way, as filters see it."""

from collections import Counter

from pawsonalize.domain.events import Visitor
from pawsonalize.storage.base import EventLog

# So many of a visitor's newest interactions of each event type count, as in Amazon Personalize.
INTERACTIONS_PER_TYPE = 100
# Who has more is no visitor, and must not slow down those who are.
_READ = 10_000


def interactions_of(log: EventLog, visitor: Visitor, at: int) -> set[tuple[str, str]]:
    """The items and event types of what counts as of `at`; types that differ in case are one."""
    if visitor == Visitor():
        return set()
    found: set[tuple[str, str]] = set()
    counts = Counter[str]()
    for item_id, event_type, _sent_at, _value in log.recent(visitor, at, _READ):
        kind = event_type.casefold()
        counts[kind] += 1
        if counts[kind] <= INTERACTIONS_PER_TYPE:
            found.add((item_id, kind))
    return found
