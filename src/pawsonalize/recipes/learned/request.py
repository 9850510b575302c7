"""A request: the newest visits of a visitor, and what else is known as it comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.contract import Context, ContextEvent
from pawsonalize.recipes.counts.availability import AvailabilityHistory
from pawsonalize.recipes.counts.log import VisitLog
from pawsonalize.recipes.counts.weights import OLDEST
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request with its L newest visits, newest first."""

    context: Array
    """Catalogue positions, shape (L,); -1 = outside the catalogue."""
    cells: Array
    """Their cells, shape (levels, L)."""
    worth: Array
    """Weights by event type and age, shape (L,)."""
    length: int
    """Number of known visits."""
    now: float
    """Milliseconds since 1970."""
    idle: float
    """Days since the newest visit."""
    user: int
    """The user in the log; -1 = unknown."""
    seen_item: Array
    """The catalogue positions of all known visits, oldest first."""
    seen_age: Array
    """Age of each in visits; 0 is the newest."""
    availability: Array | None
    """Available animals of each item, shape (items,); None where not known."""
    facets: Array
    """Rows of the visitor's facets among the lifts, shape (F,); -1 = none."""
    ids: tuple[str, ...] = ()
    """Of a live request the ids in `context`, newest first; of others none."""


def at_position(
    log: VisitLog,
    index: ItemIndex,
    stays: AvailabilityHistory | None,
    user: int,
    cut: int,
    facets: Array,
    design: Design,
) -> Request:
    """The request a user made just before their visit `cut`, which is hidden with all later.

    `facets` (visits, F) are rows among the lifts; a visitor's own are known as the request comes.
    """
    start = int(log.offsets[user])
    end = start + cut
    known = min(cut, design.seen_events) if design.repeats else cut
    newest_first = np.arange(end - 1, end - 1 - min(cut, design.context), -1)
    now, times = float(log.times[end]), log.times[newest_first]
    context = log.items[newest_first]
    return Request(
        context=context,
        cells=index.cells[:, context],
        worth=log.worth[newest_first] * _fade(now - times, design),
        length=known,
        now=now,
        idle=max(now - float(times[0]), 0.0) / DAY,
        user=user,
        seen_item=log.items[end - known : end],
        seen_age=np.arange(known)[::-1],
        availability=None if stays is None else stays.at(np.array([now]))[0],
        facets=facets[end],
    )


def of_context(context: Context, index: ItemIndex, facets: Array, design: Design) -> Request:
    """A live request; `facets` (F,) as above."""
    events = context.events[: design.seen_events] if design.repeats else context.events
    visits, strengths = _visits(events, design)
    position = index.position
    rows = np.array([position.get(visit.item, -1) for visit in visits], np.int64)
    read = visits[: design.context]
    times = np.array([visit.time for visit in read], np.float64)
    worth = np.array(strengths[: design.context]) * _fade(context.now - times, design)
    cells = index.cells[:, rows[: design.context]]  # -1 is the column of "no cell"
    outside = (rows[: design.context] < 0).nonzero()[0]
    if len(outside):
        cells[:, outside] = index.cells_of_ids([read[k].item for k in outside.tolist()])
    place = (rows >= 0).nonzero()[0][::-1]  # oldest first
    return Request(
        context=rows[: design.context],
        cells=cells,
        worth=worth,
        length=len(visits),
        now=float(context.now),
        idle=max(context.now - visits[0].time, 0) / DAY if visits else 0.0,
        user=-1,
        seen_item=rows[place],
        seen_age=place,
        availability=context.availability,
        facets=facets,
        ids=tuple(visit.item for visit in read),
    )


def _visits(
    events: Sequence[ContextEvent], design: Design
) -> tuple[list[ContextEvent], list[float]]:
    """Events joined to visits as in `log.py`, newest first, and their worth by type."""
    visits: list[ContextEvent] = []
    strengths: list[float] = []
    stronger = 0.0
    for place, event in enumerate(events):
        worth = max(design.weights.of_event(event.event_type, event.value), stronger)
        own = event.event_type != "view" and event.event_type in design.weights.of_type
        if own and place + 1 < len(events) and events[place + 1].item == event.item:
            stronger = worth
            continue
        stronger = 0.0
        visits.append(event)
        strengths.append(worth)
    return visits, strengths


def _fade(age: Array, design: Design) -> Array:
    """Return the decayed weight of a visit. `age` is in milliseconds.

    As `decay_weights` has it, in a tenth of its time: no other engine has to find the same bits.
    """
    periods = age / (design.context_half_life_days * DAY)
    return np.asarray(np.exp2(-np.minimum(np.maximum(periods, 0.0), OLDEST)))
