"""What a model is told of a visitor: built here for training, evaluation and serving alike."""

from collections.abc import Iterable

from pawsonalize.domain.event_types import DISLIKE, RETURN, STANDARD, VIEW, EventTypes
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.preferences import Wish
from pawsonalize.recipes.contract import Context, Seen
from pawsonalize.recipes.facets import Facet
from pawsonalize.storage.base import EventLog, RecentEvent

# Older events have decayed to nothing in every recipe.
MAX_CONTEXT_EVENTS = 50


def context_of(
    log: EventLog,
    visitor: Visitor,
    at: int,
    facets: tuple[Facet, ...] = (),
    wishes: tuple[Wish, ...] = (),
) -> Context:
    """The visitor's newest events as of `at` (milliseconds since 1970), newest first.

    What was said last counts: events before a wish that speaks against them are left out.
    """
    if visitor.user_id is None and visitor.session_id is None:
        return Context((), at, facets=facets)
    newest = log.recent(visitor, at, MAX_CONTEXT_EVENTS)
    if wishes:
        newest = [event for event in newest if not _taken_back(event, wishes, log.event_types)]
    return build_context(newest, at, facets, log.event_types)


def _taken_back(event: RecentEvent, wishes: tuple[Wish, ...], event_types: EventTypes) -> bool:
    item_id, event_type, sent_at, _value = event
    if event_types.meaning(event_type) in {RETURN, DISLIKE}:  # speaks against it as well
        return False
    group = AnimalGroup.parse(item_id)
    return group is not None and any(wish.takes_back(group, sent_at) for wish in wishes)


def build_context(
    newest_first: Iterable[RecentEvent],
    at: int,
    facets: tuple[Facet, ...] = (),
    event_types: EventTypes = STANDARD,
) -> Context:
    """The context of a visitor with these events, of which the oldest may be too many.

    Events have the type that theirs means. A return or a dislike is no interest, and takes back
    what the visitor did with the item before. Who does more than look at it since likes it again.
    """
    kept: list[Seen] = []
    disliked: list[Seen] = []
    against: set[str] = set()
    liked: set[str] = set()
    for item_id, event_type, sent_at, value in newest_first:
        if len(kept) == MAX_CONTEXT_EVENTS:
            break
        seen = Seen(item_id, event_types.meaning(event_type), sent_at, value)
        if seen.event_type in {RETURN, DISLIKE}:
            if seen.event_type == DISLIKE and item_id not in liked | against:
                disliked.append(seen)
            against.add(item_id)
        elif item_id not in against:
            kept.append(seen)
            if seen.event_type != VIEW and event_types.knows(seen.event_type):
                liked.add(item_id)
    return Context(tuple(kept), at, facets=facets, disliked=tuple(disliked))
