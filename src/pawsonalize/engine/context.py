"""What a model is told of a visitor: built here for training, evaluation and serving alike."""

from pawsonalize.domain.events import Visitor
from pawsonalize.recipes.contract import Context, Seen
from pawsonalize.storage.base import EventLog

# Older events have decayed to nothing in every recipe.
MAX_CONTEXT_EVENTS = 50


def context_of(log: EventLog, visitor: Visitor, at: int) -> Context:
    """The visitor's newest events as of `at` (milliseconds since 1970), newest first."""
    if visitor.user_id is None and visitor.session_id is None:
        return Context((), at)
    recent = log.recent(visitor, at, MAX_CONTEXT_EVENTS)
    return Context(tuple(Seen(*event) for event in recent), at)
