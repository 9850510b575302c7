"""What a visitor's dislikes take from answers: most from the item itself, less from its like.

A dislike counts in the very next answer, whatever the model and even before there is one. For
each look of animals (species, breed, family, size, age) the log of a score loses `weight` times
log((liked + disliked + doubt) / (liked + doubt)): the visitor's events with that look speak for
it, their dislikes against it, and both fade. So five dislikes of dogs, and nothing else, take
away more than half of what all dogs had, and three of somebody who looked at thirty dogs hardly
anything.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.event_types import DISLIKE, VIEW
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.looks import LOOKS, Look
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.context import MAX_CONTEXT_EVENTS
from pawsonalize.recipes.contract import Context, Floats, Seen
from pawsonalize.storage.base import EventLog, HistoryQuery

_WEIGHTS = {"species": 1.0, "breed": 0.5, "family": 0.5, "size": 0.25, "age": 0.25}
_DOUBT = 4.0  # events with the look that everybody is thought to have had
_ITEM_WEIGHT, _ITEM_DOUBT = 1.5, 0.25
_HALF_LIFE_DAYS = 90.0
THE_ANIMAL = 3.0
"""What one disliked animal loses beside its group, as a log."""


def penalties(context: Context, items: Sequence[str]) -> NDArray[np.float64] | None:
    """What the log of each item's score loses, 0 or less; None for whom nothing is disliked by."""
    if not context.disliked:
        return None
    lost: dict[tuple[str, Look], float] = {}
    liked, disliked = _looks(context.events, context.now), _looks(context.disliked, context.now)
    for (name, look), against in disliked.items():
        in_favour = liked[name, look]
        doubt, weight = (_ITEM_DOUBT, _ITEM_WEIGHT) if name == "item" else (_DOUBT, _WEIGHTS[name])
        lost[name, look] = -weight * log((in_favour + against + doubt) / (in_favour + doubt))
    return np.array([sum(lost.get(one, 0.0) for one in _looks_of(item)) for item in items])


def taken_off(scores: Floats, context: Context, items: Sequence[str]) -> Floats:
    """The scores without what dislikes take from them; they add up to as much as before."""
    lost = penalties(context, items)
    if lost is None:
        return scores
    left = np.asarray(scores, np.float64) * np.exp(lost)
    total = left.sum()
    if total <= 0:
        return scores
    found: Floats = (left * (float(np.sum(scores)) / total)).astype(np.asarray(scores).dtype)
    return found


def disliked_animals(log: EventLog, visitor: Visitor, context: Context) -> frozenset[str]:
    """The animals themselves that the visitor disliked, and did not like again since."""
    if not context.disliked:
        return frozenset()
    said: dict[str, str] = {}
    query = HistoryQuery(MAX_CONTEXT_EVENTS, until=context.now + 1)
    for logged in log.history(visitor, query):
        meaning = log.event_types.meaning(logged.event.event_type)
        if logged.event.animal_id is not None and meaning != VIEW:
            said.setdefault(logged.event.animal_id, meaning)
    return frozenset(animal for animal, meaning in said.items() if meaning == DISLIKE)


def _looks(seen: Iterable[Seen], now: int) -> Counter[tuple[str, Look]]:
    """The events by each look of their items, as far as they have not faded."""
    found: Counter[tuple[str, Look]] = Counter()
    for event in seen:
        left = 0.5 ** (max(now - event.time, 0) / (_HALF_LIFE_DAYS * DAY))
        for look in _looks_of(event.item):
            found[look] += left
    return found


@lru_cache(maxsize=65_536)
def _looks_of(item: str) -> tuple[tuple[str, Look], ...]:
    """What the item is, the item itself first."""
    group = AnimalGroup.parse(item)
    itself: tuple[tuple[str, Look], ...] = (("item", ("", item)),)
    if group is None:
        return itself
    return itself + tuple((name, read(group)) for name, read in LOOKS.items())
