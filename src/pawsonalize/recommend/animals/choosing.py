"""Choice of the animals that get the places: the best, explored ones, or those of an open page.

An open page is shown again as it was, or goes on without repeats. Every answer is logged, so a
caller names the answers of its page, and any worker shows it again, in its own order.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

import msgspec
import numpy as np
from cachetools import LRUCache
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Visitor
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import HistoryQuery
from pawsonalize.recommend.animals.available import EVERY_SLOT, Slots
from pawsonalize.recommend.animals.choices import ChoiceTables
from pawsonalize.recommend.animals.pages import EXPLORED
from pawsonalize.recommend.animals.scoring import (
    Estimates,
    ModelAffinity,
    ScoringInputs,
    TraitAffinity,
)
from pawsonalize.recommend.exploration import Explored, ImpressionLog, Novelty, UnseenAnswers
from pawsonalize.recommend.query import Query
from pawsonalize.recommend.tables import Impression, Impressions

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
_SAMPLED = 64
_FAIR = 2.0  # times its share of what may be shown, which a group may have of a page
_VERSIONS_KEPT = 4  # at once: a recommender's and a reranker's, and what replaces them
# Whole shares add without rounding, see `exploration`. So many that even the floor is many, and few
# enough for 32 bits.
_WHOLE = 2.0**30


def choose(inputs: ScoringInputs, estimates: Estimates, limit: int) -> Slots:
    """The best places; a group gets at most its share, unless no other animal is left."""
    most = _most_of_groups(inputs, estimates, limit)
    # Most answers end among the best; otherwise put all animals that may be shown in order.
    for enough in (limit * 8 + 300, limit * 64 + 8_000):
        best, least = _best(estimates, enough)
        if len(best):
            utilities = inputs.utilities(best)
            surely = utilities >= least  # and so higher than those of all others
            varied, _ = _varied(inputs, best[surely], utilities[surely], most, limit)
            if len(varied) == limit:
                return varied
    slots = np.flatnonzero(estimates.values > -np.inf)
    varied, rest = _varied(inputs, slots, inputs.utilities(slots), most, limit)
    return np.concatenate([varied, rest])[:limit]


def _most_of_groups(inputs: ScoringInputs, estimates: Estimates, limit: int) -> Floats:
    """The most animals that each group may have among so many places, by its code."""
    available, share = inputs.available, inputs.settings.max_per_group_share
    if inputs.relevance is not None and inputs.relevance.scores.any():
        # Of a name or a story, the best come first, whatever their group.
        return np.full(len(available.codes["group"]), float(limit))
    groups = available.column("group", EVERY_SLOT)[estimates.values > -np.inf]
    of_all = np.bincount(groups, minlength=len(available.codes["group"])) / max(len(groups), 1)
    return np.asarray(np.ceil(limit * np.maximum(share, _FAIR * of_all)))


def _best(estimates: Estimates, enough: int) -> tuple[Slots, float]:
    """About `enough` best animals, with all of a utility as high as the returned one; or none.

    Only every `_SAMPLED`-th decides how many: to partition 300,000 utilities takes as long as to
    add them up. Animals that may not be shown go first, as equal numbers take long to partition as
    well.
    """
    sampled = estimates.values[::_SAMPLED]
    some = sampled[sampled > -np.inf]
    rank = len(some) - enough // _SAMPLED
    if rank <= len(some) // 2:
        return np.empty(0, np.int64), 0.0
    some.partition(rank)
    least = float(some[rank]) - estimates.error
    return np.flatnonzero(estimates.values >= least - estimates.error), least


def _varied(
    inputs: ScoringInputs, slots: Slots, utilities: Floats, most: Floats, limit: int
) -> tuple[Slots, Slots]:
    """The best animals with at most so many of each group, and the others, both in order.

    An animal that the visitor picked has its place in any case.
    """
    available = inputs.available
    order = np.lexsort((available.rank[slots], -utilities))
    groups = available.column("group", slots[order])
    together = np.argsort(groups, kind="stable")
    sorted_groups = groups[together]
    starts = np.searchsorted(sorted_groups, sorted_groups)
    place = np.empty(len(groups), np.int64)
    place[together] = np.arange(len(groups)) - starts
    within = place < most[groups]
    picked = inputs.personal.boards.picked_animals
    if picked:  # "whom would you like to meet?", and then many others like her, but not her
        within |= np.isin(slots[order], available.slots(picked))
    return slots[order[within]][:limit], slots[order[~within]]


class ExplorationShares:
    """The exploration share of each place: of newcomers and long-stayers, as of the hour.

    share = (1 - floor) * s / S * o / sum of s / S * o  +  floor / animals

    s  1 / (1 + times shown); S is the sum of it over the group
    o  exp(utility), so the odds that this visitor chooses the animal
    """

    def __init__(self) -> None:
        self._known: object = None

    def of(self, inputs: ScoringInputs, estimates: Estimates) -> Novelty:
        """Of those who have a share now: 0 for one that may not be shown to the visitor."""
        known = (inputs.available.version, inputs.at // HOUR)
        if self._known != known:
            self._find(inputs)
            self._known = known
        shares = np.take(estimates.values, self._slots, out=self._room, mode="clip")
        highest = shares.max(initial=-np.inf)
        if highest == -np.inf:
            return Novelty(np.empty(0, np.int32), self._positions[:0])
        fitting = shares > -np.inf
        floor = inputs.settings.newcomer_floor
        shares -= highest
        np.exp(shares, out=shares)
        shares *= self._of_group
        shares *= np.float32((1 - floor) / shares.sum() * _WHOLE)
        weights = shares.astype(np.int32)
        count = np.count_nonzero(fitting)
        weights += int(floor / count * _WHOLE) + 1
        if count < len(weights):
            weights *= fitting
        return Novelty(weights, self._positions)

    def _find(self, inputs: ScoringInputs) -> None:
        available, settings, at = inputs.available, inputs.settings, inputs.at // HOUR * HOUR
        long = available.moments.searchsorted(at - settings.long_stay_days * DAY, side="right")
        new = available.moments.searchsorted(at - settings.newcomer_days * DAY, side="left")
        slots = np.concatenate([available.order[:long], available.order[max(long, new) :]])
        self._slots: Slots = slots[available.leads[slots]]
        self._positions: Slots = available.rank[self._slots]
        # Each one's part of what its group has: the less it was shown, the more.
        groups = available.column("group", self._slots)
        shares = 1 / (1 + available.column("shown", self._slots))
        self._of_group = (shares / np.bincount(groups, shares)[groups]).astype(np.float32)
        self._room = np.empty(len(self._slots), np.float32)  # memory that queries share


class SnapshotCache(msgspec.Struct, frozen=True):
    """Cached values of one set of available animals; use them only while you hold its lock."""

    groups: ModelAffinity = msgspec.field(default_factory=ModelAffinity)
    traits: TraitAffinity = msgspec.field(default_factory=TraitAffinity)
    shares: ExplorationShares = msgspec.field(default_factory=ExplorationShares)
    choices: LRUCache[str, ChoiceTables] = msgspec.field(
        default_factory=lambda: LRUCache(_VERSIONS_KEPT)
    )
    """By solution version."""


_VISIT = 12 * HOUR


_EVENTS_READ = 50


_WRITTEN_WITHIN = SECOND // 2  # milliseconds
_LATE = 3 * SECOND  # a busy machine writes so much later
_AGAIN, _TRIES = 0.1, 35  # seconds
_OURS = re.compile("RID-[0-9a-f]{8}-[0-9a-f]{4}-")  # which begin with the moment


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


def places_left(inputs: ScoringInputs, query: Query) -> Explored:
    """The first places of the query's page, without animals that may not be shown any more."""
    available = inputs.available
    left: dict[int, float] = {}
    for ids, propensity, _ in islice(places_of(query.page), query.limit):
        slots = available.slots(ids)
        left |= dict.fromkeys(slots[available.leads[slots]].tolist(), propensity)
    slots = inputs.fitting(np.array(list(left), np.int64))
    odds = tuple(left[slot] for slot in slots.tolist())
    explored = tuple(one < EXPLORED for one in odds)
    return Explored(tuple(available.rank[slots].tolist()), explored, odds)
