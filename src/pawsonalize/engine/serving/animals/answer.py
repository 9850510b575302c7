"""Answers of individual animals, and open pages of them.

An open page is shown again as it was, or goes on without repeats. Every answer is logged, so a
caller names the answers of its page, and any worker shows it again, in its own order.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from math import isnan, nan

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.reasons import Reason
from pawsonalize.domain.times import HOUR, SECOND
from pawsonalize.engine.serving.animals.pages import EXPLORED
from pawsonalize.engine.serving.animals.settings import PARTS
from pawsonalize.engine.serving.animals.utility import Weighed, Weighing
from pawsonalize.engine.serving.context import Query
from pawsonalize.engine.serving.exploration import Explored
from pawsonalize.engine.serving.impressions import ImpressionLog, UnseenAnswers
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.storage.events.histories import HistoryQuery
from pawsonalize.storage.events.impressions import Impression, Impressions

Floats = NDArray[np.float64]
Standing = tuple[dict[str, float], float, float | None]
"""The lift of an animal by each part, its showings, and its distance in kilometres."""
_DECIMALS = 4  # of what is logged for the model of choices
_VISIT = 12 * HOUR
_EVENTS_READ = 50
_WRITTEN_WITHIN = SECOND // 2  # milliseconds
_LATE = 3 * SECOND  # a busy machine writes so much later
_AGAIN, _TRIES = 0.1, 35  # seconds
_OURS = re.compile("RID-[0-9a-f]{8}-[0-9a-f]{4}-")  # which begin with the moment


class AnimalPlace(msgspec.Struct, frozen=True):
    """One place of an answer: the animal, and the animals that are bonded with it.

    `score` is exp(utility - highest possible utility), in a ranking the animal's share of
    exp(utility). `parts` add up to `utility`, in the order of `PARTS`; `factors` are the same
    without their weights.
    """

    animal_ids: tuple[str, ...]
    group_id: str
    score: float
    utility: float
    parts: tuple[float, ...]
    factors: tuple[float, ...]
    explored: bool = False
    propensity: float = 1.0
    reasons: tuple[Reason, ...] = ()
    recommendation_id: str | None = None


class AnimalsAnswer(msgspec.Struct, frozen=True):
    """Animals in order, and the impression id they were logged under."""

    recommendation_id: str
    solution_version: str
    places: tuple[AnimalPlace, ...]
    asks: bool = False  # True if a board is worth its place now


def places_in_order(
    weighing: Weighing,
    weighed: Weighed,
    ids: Sequence[tuple[str, ...]],
    scores: Floats,
    chosen: Explored | None = None,
) -> list[AnimalPlace]:
    """The places of animals that were put in order, each with all of its `ids`."""
    names = weighing.available.codes["group"].names
    groups = weighing.available.column("group", weighed.slots).tolist()
    columns = (
        ids,
        [names[group] for group in groups],
        scores.tolist(),
        weighed.utilities.tolist(),
        map(tuple, weighed.parts.tolist()),
        map(tuple, weighed.bare.round(_DECIMALS).tolist()),
        chosen.explored if chosen else (False,) * len(ids),
        chosen.propensities if chosen else (1.0,) * len(ids),
    )
    return [AnimalPlace(*row) for row in zip(*columns, strict=True)]


def standings_of(weighing: Weighing, weighed: Weighed) -> list[Standing]:
    """Return the standing of each animal among the others."""
    if not len(weighed.slots):  # which have no mean
        return []
    lifts = weighed.parts - weighed.parts.mean(axis=0)
    here = weighing.eligibility.place
    take = weighing.available.take(weighed.slots, here)
    far = [nan] * len(lifts) if here is None else take("kilometres").tolist()
    return [
        (dict(zip(PARTS, row, strict=True)), times, None if isnan(away) else away)
        for row, times, away in zip(lifts.tolist(), take("shown").tolist(), far, strict=True)
    ]


class OpenPages(msgspec.Struct, frozen=True):
    """Finds the answers of an open page, with what still waits to be written."""

    table: Impressions
    log: EventLog
    answers: ImpressionLog | UnseenAnswers

    def find(self, ids: Sequence[str], visitor: Visitor) -> list[Impression]:
        """Those answers that this visitor was given, the oldest first."""
        if not ids:
            return []
        waiting = {one.recommendation_id: one for one in self.answers.waiting_of(visitor)}
        known = self.table.get_many(ids) | waiting
        found = [known[one] for one in dict.fromkeys(ids) if one in known]
        own = [one for one in found if Visitor(one.user_id, one.session_id) == visitor]
        return sorted(own, key=lambda one: one.as_of)  # of one moment: as they are named

    def read(self, query: Query, kind: str, version: str) -> Query:
        """The query with the page that it continues, or repeats.

        It repeats none 12 hours after the newest answer, nor once the visitor did something since
        the first, or another version answers. InvalidInput if it continues no answer of the
        visitor.
        """
        found = self.find(query.continues or query.repeats, query.visitor)
        if query.continues:
            page = tuple(one for one in found if one.animal_ids is not None)
            if missing := set(query.continues) - {one.recommendation_id for one in page}:
                raise InvalidInput(
                    f"{min(missing)} is no answer of animals that this visitor was given: send the"
                    " ids of the answers on the page, or leave continues out for a new page",
                    field="continues",
                )
            return rest_of(replace(query, page=page))
        page = tuple(one for one in found if one.question == kind)
        if not page or len(found) < len(set(query.repeats)):
            return query
        is_over = max(one.as_of for one in page) < query.at - _VISIT
        is_other = any(one.solution_version != version for one in page)
        if is_over or is_other or self._did_something(query, page[0].as_of):
            return query
        return replace(query, page=page)

    def _did_something(self, query: Query, since: int) -> bool:
        """True if the service got an event of the visitor since, by its own clock."""
        if query.visitor == Visitor():
            return False
        events = self.log.history(query.visitor, HistoryQuery(_EVENTS_READ))
        return any(since <= one.event.received_at <= query.at for one in events)


def seconds_until_written(ids: Sequence[str], now: int) -> float:
    """The time until the newest of these answers is written, whichever process gave it."""
    moments = [int(one[4:17].replace("-", ""), 16) for one in ids if _OURS.match(one)]
    left = max(moments, default=0) + _WRITTEN_WITHIN - now
    return max(0, min(left, _WRITTEN_WITHIN)) / SECOND


async def wait_until_written(
    name: str, now: Callable[[], int], is_known: Callable[[], Awaitable[bool]]
) -> None:
    """Wait for an answer that another worker may have given just now: 3.5 seconds at most."""
    for _ in range(_TRIES):  # of a clock that stands still, the answer is always of just now
        left = seconds_until_written([name], now() - _LATE)
        if await is_known() or not left:
            return
        await asyncio.sleep(min(left, _AGAIN))


def places_of(page: Sequence[Impression]) -> Iterator[tuple[tuple[str, ...], float, str]]:
    """The animals of each place, in order, its propensity and its answer's id."""
    for answer in page:
        odds = answer.propensities or (1.0,) * len(answer.item_ids)
        for ids, propensity in zip(answer.animal_ids or (), odds, strict=True):
            yield ids, propensity, answer.recommendation_id


def rest_of(query: Query) -> Query:
    """The query for animals that are not on its page."""
    shown = {one for ids, _, _ in places_of(query.page) for one in ids}
    ids = tuple(one.recommendation_id for one in query.page)
    return replace(query, eligibility=query.eligibility.without(shown), continues=ids)


def places_left(weighing: Weighing, query: Query) -> Explored:
    """The first places of the query's page, without animals that may not be shown any more."""
    available = weighing.available
    left: dict[int, float] = {}
    for ids, propensity, _ in islice(places_of(query.page), query.limit):
        slots = available.slots(ids)
        left |= dict.fromkeys(slots[available.leads[slots]].tolist(), propensity)
    slots = weighing.fitting(np.array(list(left), np.int64))
    odds = tuple(left[slot] for slot in slots.tolist())
    explored = tuple(one < EXPLORED for one in odds)
    return Explored(tuple(available.rank[slots].tolist()), explored, odds)


def with_logged_ids(answer: AnimalsAnswer, page: Sequence[Impression]) -> AnimalsAnswer:
    """The answer under the ids that its places were logged under."""
    first = page[0].recommendation_id
    own = {one: name for ids, _, name in places_of(page) for one in ids if name != first}
    places = (replace(one, recommendation_id=own.get(one.animal_ids[0])) for one in answer.places)
    return replace(answer, recommendation_id=first, places=tuple(places))
