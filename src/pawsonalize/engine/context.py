"""What a model is told of a visitor: built here for training, evaluation and serving alike."""

from collections.abc import Iterable, Iterator
from itertools import islice

from pawsonalize.domain.events import RETURN_EVENT_TYPE, Visitor
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
        newest = [event for event in newest if not _taken_back(event, wishes)]
    return build_context(newest, at, facets)


def _taken_back(event: RecentEvent, wishes: tuple[Wish, ...]) -> bool:
    item_id, _event_type, sent_at, _value = event
    group = AnimalGroup.parse(item_id)
    return group is not None and any(wish.takes_back(group, sent_at) for wish in wishes)


def build_context(
    newest_first: Iterable[RecentEvent], at: int, facets: tuple[Facet, ...] = ()
) -> Context:
    """The context of a visitor with these events, of which the oldest may be too many.

    A return is no interest, and takes back what the visitor did with the item before.
    """
    newest = islice(_kept(newest_first), MAX_CONTEXT_EVENTS)
    return Context(tuple(Seen(*event) for event in newest), at, facets=facets)


def _kept(newest_first: Iterable[RecentEvent]) -> Iterator[RecentEvent]:
    returned = set()
    for event in newest_first:
        item_id, event_type, _sent_at, _value = event
        if event_type == RETURN_EVENT_TYPE:
            returned.add(item_id)
        elif item_id not in returned:
            yield event
