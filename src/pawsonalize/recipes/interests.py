"""Event types weigh, and time fades them: what a context says of a visitor's interests."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.events import DEFAULT_EVENT_TYPE
from pawsonalize.domain.times import DAY
from pawsonalize.recipes import event_values
from pawsonalize.recipes.active_time import OLDEST
from pawsonalize.recipes.contract import Context
from pawsonalize.recipes.items import ItemIndex


@dataclass(frozen=True, slots=True)
class Interests:
    """A visitor's items, each once, the newest first.

    `rows` are catalogue positions (`len(index.ids)` for an item outside), `strengths` the
    weights by event types and age. `cells[:, k]` are the cells of item k.
    """

    ids: tuple[str, ...]
    rows: NDArray[np.int64]
    strengths: NDArray[np.float32]
    cells: NDArray[np.int64]

    def faded(self, decay: float) -> NDArray[np.float32]:
        """The strengths, each item counting `decay` times the one after it, shape (items,)."""
        ranks = np.arange(len(self.strengths), dtype=np.float32)
        return self.strengths * np.float32(decay) ** ranks


def read_interests(
    context: Context,
    index: ItemIndex,
    type_weights: Mapping[str, float],
    half_life_days: float,
    valued: AbstractSet[str] = frozenset(),
) -> Interests:
    """Gather a context's events by item; a type without a weight counts as a view.

    Of the types `valued` the value multiplies the weight.

    An event from after `now` (a clock that is ahead) counts as one of now. Each repeat of an
    item adds half as much as the repeat before: coming back matters, reloading hardly does.
    """
    strengths: dict[str, float] = {}
    repeats: dict[str, float] = {}
    a_view = type_weights[DEFAULT_EVENT_TYPE]
    now, half_life = context.now, half_life_days * DAY
    for event in context.events:
        strength = type_weights.get(event.event_type, a_view)
        if valued:
            strength *= event_values.of_event(event.event_type, event.value, valued)
        age = now - event.time
        if age > 0:
            strength *= 0.5 ** min(age / half_life, OLDEST)
        item = event.item
        if item in strengths:
            repeats[item] *= 0.5
            strengths[item] += strength * repeats[item]
        else:
            repeats[item] = 1.0
            strengths[item] = strength
    ids = tuple(strengths)
    rows = index.rows(ids)
    cells = index.cells[:, rows]
    outside = np.flatnonzero(rows == len(index.ids))
    if len(outside):
        cells[:, outside] = index.kin_of([ids[place] for place in outside])
    return Interests(ids, rows, np.array(list(strengths.values()), np.float32), cells)
