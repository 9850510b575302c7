"""A batch of requests: the newest visits of each, and what must be hidden from the tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.contract import Context, ContextEvent
from pawsonalize.recipes.counts.availability import AvailabilityHistory
from pawsonalize.recipes.counts.log import VisitLog
from pawsonalize.recipes.counts.rows import expand
from pawsonalize.recipes.counts.weights import halved
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.learned.design import Design

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Requests:
    """B requests, each with up to L known visits."""

    context: Array
    """Catalogue positions, newest first, shape (B, L); -1 = none or outside the catalogue."""
    cells: Array
    """Their cells, shape (B, levels, L)."""
    worth: Array
    """Weights by event type and age, shape (B, L)."""
    lengths: Array
    """How many visits are known, shape (B,)."""
    now: Array
    """Milliseconds since 1970, shape (B,)."""
    idle: Array
    """Days since the newest visit, shape (B,)."""
    users: Array
    """The user in the log, shape (B,); -1 = unknown."""
    seen_request: Array
    """The request of each known visit, flat, oldest visit first."""
    seen_item: Array
    """The item of each known visit."""
    seen_age: Array
    """How many visits ago each was; 0 = the newest."""
    cuts: Array | None
    """For training: from this position of the user on the log is hidden, shape (B,)."""
    availability: Array | None
    """Available animals of each item, shape (B, items); None where not known."""
    facets: Array
    """Rows of the visitor's facets among the lifts, shape (B, F); -1 = none."""
    ids: tuple[str, ...] = ()
    """Of a live request the ids in `context`, newest first; of others none."""

    def only(self, rows: Array) -> "Requests":
        """Some of the requests, `rows` in ascending order."""
        place = np.full(len(self.lengths), -1)
        place[rows] = np.arange(len(rows))
        known = place[self.seen_request] >= 0
        return Requests(
            context=self.context[rows],
            cells=self.cells[rows],
            worth=self.worth[rows],
            lengths=self.lengths[rows],
            now=self.now[rows],
            idle=self.idle[rows],
            users=self.users[rows],
            seen_request=place[self.seen_request[known]],
            seen_item=self.seen_item[known],
            seen_age=self.seen_age[known],
            cuts=None if self.cuts is None else self.cuts[rows],
            availability=None if self.availability is None else self.availability[rows],
            facets=self.facets[rows],
            ids=self.ids,
        )


def at_positions(
    log: VisitLog,
    index: ItemIndex,
    stays: AvailabilityHistory | None,
    users: Array,
    cuts: Array,
    facets: Array,
    design: Design,
) -> Requests:
    """The requests users made just before their visit `cut`, which is hidden with all later.

    `facets` (visits, F) are rows among the lifts; a visitor's own are known as the request comes.
    """
    start = log.offsets[users]
    now = log.times[start + cuts]
    back = cuts[:, None] - 1 - np.arange(design.context)[None, :]
    at = np.maximum(start[:, None] + back, 0)
    context = np.where(back >= 0, log.items[at], -1)
    known = np.minimum(cuts, design.seen_events) if design.repeats else cuts
    request, event = expand(start + cuts - known, known)
    return Requests(
        context=context,
        cells=np.moveaxis(index.cells[:, context], 0, 1),  # -1 is the column of "no cell"
        worth=np.where(back >= 0, log.worth[at] * _fade(now[:, None] - log.times[at], design), 0.0),
        lengths=known,
        now=now,
        idle=np.maximum(now - log.times[start + cuts - 1], 0.0) / DAY,
        users=users,
        seen_request=request,
        seen_item=log.items[event],
        seen_age=(start + cuts - 1)[request] - event,
        cuts=cuts,
        availability=None if stays is None else stays.at(now),
        facets=facets[start + cuts],
    )


def of_context(context: Context, index: ItemIndex, facets: Array, design: Design) -> Requests:
    """One live request; `facets` (F,) as above."""
    events = context.events[: design.seen_events] if design.repeats else context.events
    visits, strengths = _visits(events, design)
    rows = index.rows([visit.item for visit in visits])
    rows[rows == len(index.ids)] = -1
    times = np.array([visit.time for visit in visits], np.float64)
    worth = np.array(strengths) * _fade(context.now - times, design)
    count = min(len(visits), design.context)
    read = np.full(design.context, -1)
    read[:count] = rows[:count]
    cells = index.cells[:, read]  # -1 is the column of "no cell"
    outside = np.flatnonzero(read[:count] < 0)
    if len(outside):
        cells[:, outside] = index.cells_of_ids([visits[k].item for k in outside.tolist()])
    weights = np.zeros(design.context)
    weights[:count] = worth[:count]
    place = np.flatnonzero(rows >= 0)[::-1]  # oldest first
    return Requests(
        context=read[None],
        cells=cells[None],
        worth=weights[None],
        lengths=np.array([len(visits)]),
        now=np.array([float(context.now)]),
        idle=np.maximum(context.now - times[:1], 0.0) / DAY if visits else np.zeros(1),
        users=np.array([-1]),
        seen_request=np.zeros(len(place), np.int64),
        seen_item=rows[place],
        seen_age=place,
        cuts=None,
        availability=None if context.availability is None else context.availability[np.newaxis],
        facets=facets[np.newaxis],
        ids=tuple(visit.item for visit in visits[:count]),
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
    """What is left of a visit of that age in milliseconds."""
    return halved(age, design.context_half_life_days * DAY)
