"""What a model is told of a visitor: built here for training, evaluation and serving alike."""

from collections.abc import Iterable
from itertools import islice

from pawsonalize.domain.events import Visitor
from pawsonalize.recipes.contract import Context, Seen
from pawsonalize.storage.base import EventLog, RecentEvent

# Older events have decayed to nothing in every recipe.
MAX_CONTEXT_EVENTS = 50


def context_of(log: EventLog, visitor: Visitor, at: int) -> Context:
    """The visitor's newest events as of `at` (milliseconds since 1970), newest first."""
    if visitor.user_id is None and visitor.session_id is None:
        return Context((), at)
    return build_context(log.recent(visitor, at, MAX_CONTEXT_EVENTS), at)


def build_context(newest_first: Iterable[RecentEvent], at: int) -> Context:
    """The context of a visitor with these events, of which the oldest may be too many."""
    return Context(tuple(Seen(*event) for event in islice(newest_first, MAX_CONTEXT_EVENTS)), at)
