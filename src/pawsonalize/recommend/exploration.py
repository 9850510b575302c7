"""Exploration: places that go to new and under-exposed items, each with its odds; and impressions.

And promotion: places that go to items that pass a filter of their own. Every answer is logged, a
moment later and many at a time: exploration and outcomes count what was shown.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import StorageUnavailable, reason_of
from pawsonalize.core.event import Visitor
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import DAY
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.tables import Impression, Impressions
from pawsonalize.resources.solutions import Cut

# One whole share of novelty. Whole numbers add without rounding, so that what is left of them
# after some places is exact, and 0 exactly when nothing is left.
_WHOLE = 2**20
MAX_COUNT = _WHOLE - 1
_BLOCK = 1024  # about the root of a large catalogue: a draw reads as much on either level
_TRIES = 16  # with half of the novelty placed, 1 in 65,000 draws needs the slow way
_COUNTED_EVENTS = 500_000  # of the newest; older touches say little of what is new


class Novelty(msgspec.Struct, frozen=True, dict=True):
    """The whole exploration weights of the catalogue's items, or of those at `positions`."""

    # The type of the weights has room for their sum.

    weights: NDArray[np.int64] | NDArray[np.int32]
    positions: NDArray[np.int64] | None = None  # ascending; None for the whole catalogue

    @cached_property
    def total(self) -> int:
        """The sum of all weights."""
        return int(self.weights.sum(dtype=self.weights.dtype))

    @cached_property
    def _sums(self) -> NDArray[Any]:
        # At the end of each whole block only: of all weights it would take long.
        whole = self.weights[: len(self.weights) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
        return np.cumsum(whole.sum(axis=1, dtype=whole.dtype), dtype=whole.dtype)

    def draw(self, unit: int) -> int:
        """The position in the catalogue of the item that has this unit, from 0, of the total."""
        block = int(self._sums.searchsorted(unit, side="right"))
        before = int(self._sums[block - 1]) if block else 0
        start = block * _BLOCK
        running = np.cumsum(self.weights[start : start + _BLOCK])
        return self._position(start + int(running.searchsorted(unit - before, side="right")))

    def draw_without(self, gone: Collection[int], unit: int) -> int:
        """The same as if the items at these positions had no weight."""
        weights, out = self.weights.copy(), np.array(list(gone), np.int64)
        weights[out if self.positions is None else np.isin(self.positions, out)] = 0
        return self._position(int(np.cumsum(weights).searchsorted(unit, side="right")))

    def _position(self, place: int) -> int:
        return place if self.positions is None else int(self.positions[place])

    def among(self, there: NDArray[np.bool_]) -> "Novelty":
        """The same with 0 for every item outside the mask, whose shape is that of the catalogue."""
        weights = self.weights * (there if self.positions is None else there[self.positions])
        return Novelty(weights, self.positions)

    def weight(self, position: int) -> int:
        """The weight of the item at that position of the catalogue."""
        if self.positions is None:
            return int(self.weights[position])
        place = int(self.positions.searchsorted(position))
        is_one = place < len(self.positions) and self.positions[place] == position
        return int(self.weights[place]) if is_one else 0


class Explored(msgspec.Struct, frozen=True):
    """The places of an answer: catalogue positions, which were drawn, and the propensities.

    `propensities[k]` is the probability of the item at place k, given the items before it:

        (1 - weight, if it is the best of the rest) + weight * novelty / novelty of the rest

    The rest are those that may be drawn. If they have no novelty, the best has probability 1.
    """

    positions: tuple[int, ...]
    explored: tuple[bool, ...]
    propensities: tuple[float, ...]


def novelty(counts: NDArray[np.int64], eligible: NDArray[np.bool_]) -> Novelty:
    """Weights in proportion to 1 / (1 + showings) for the eligible items, 0 for the others."""
    return Novelty(np.where(eligible, _WHOLE // (1 + np.minimum(counts, MAX_COUNT)), 0))


def explore(
    best: NDArray[np.intp],
    due: Novelty | None,
    weight: float,
    seed: str,
    *,
    kept: int = 0,
    alike: NDArray[np.float64] | None = None,
) -> Explored:
    """Give each place, with probability `weight`, to a draw by novelty among the rest.

    The first `kept` places go to the best. With `alike`, a number for each position, a draw is
    among those of the same number as the best of the rest.
    """
    # `best` are the positions with the highest scores, one for each place, which keep their order
    # unless drawn. All chance comes from `seed`.
    ranked = best.tolist()
    if weight <= 0 or due is None:
        return Explored(tuple(ranked), (False,) * len(ranked), (1.0,) * len(ranked))
    random = Random(seed).random  # noqa: S311 - to be reproduced, not to be kept secret
    head = 0
    placed: dict[int, bool] = {}
    lots: dict[float, Novelty] = {}  # by the number
    left: dict[float, int] = {}
    propensities = []
    for place in range(len(ranked)):
        # The best of the rest: a draw may have placed the item that the order has here.
        while ranked[head] in placed:
            head += 1
        number = 0.0 if alike is None else float(alike[ranked[head]])
        if number not in lots:
            lots[number] = due if alike is None else due.among(alike == number)
            left[number] = lots[number].total
        lot, share = lots[number], weight if place >= kept and left[number] > 0 else 0.0
        is_drawn = random() < share
        chosen = draw(lot, placed, left[number], random) if is_drawn else ranked[head]
        # The item may come to its place by both ways, by order and by draw. Off-policy estimates
        # divide by this probability, so it must be that of both together (Horvitz and Thompson
        # 1952).
        odds = float(chosen == ranked[head])
        novel = lot.weight(chosen)
        propensities.append((1 - share) * odds + share * novel / (left[number] or 1))
        placed[chosen] = is_drawn
        left[number] -= novel  # whoever is placed has the number of the best
    return Explored(tuple(placed), tuple(placed.values()), tuple(propensities))


def draw(due: Novelty, placed: Collection[int], left: int, random: Callable[[], float]) -> int:
    """Draw an item by its novelty among those not `placed`, which have `left` of it together."""
    # Rejection keeps the proportions and needs no new running sums, which would take as long as the
    # catalogue is large.
    for _ in range(_TRIES):
        if (position := due.draw(int(random() * due.total))) not in placed:
            return position
    # Nearly all of the novelty has a place: draw among the rest alone, with the same probabilities.
    return due.draw_without(placed, int(random() * left))


def spread(promoted: Sequence[int], rest: Explored, seed: str) -> tuple[Explored, tuple[bool, ...]]:
    """Mix two lists, each in its order; also says which places are promoted."""
    # All mixtures are equally likely: a place is promoted with the probability of its share left.
    random = Random(f"{seed} promotion").random  # noqa: S311 - to be reproduced, not to be kept secret
    first = iter(promoted)
    second = zip(rest.positions, rest.explored, rest.propensities, strict=True)
    left = len(promoted)
    places: list[tuple[int, bool, float]] = []
    is_promoted: list[bool] = []
    for remaining in range(len(promoted) + len(rest.positions), 0, -1):
        share = left / remaining
        is_promoted.append(random() < share)
        if is_promoted[-1]:
            places.append((next(first), False, share))
            left -= 1
        else:
            position, explored, propensity = next(second)
            places.append((position, explored, (1 - share) * propensity))
    columns = zip(*places, strict=True) if places else ((), (), ())
    return Explored(*columns), tuple(is_promoted)


class Exposed(msgspec.Struct, frozen=True):
    """Items as of a version's cut: touches of each, and which are young, shape (items,)."""

    item_ids: Sequence[str]
    touched: NDArray[np.int64]
    eligible: NDArray[np.bool_]


@dataclass(eq=False)
class Exposure:
    """Calculates the novelty of a model's items from the log, the items dataset and showings."""

    log: EventLog
    catalogue: Catalogue
    impressions: Impressions

    def of(self, dataset_group: str) -> "Exposure":
        """The exposure of another dataset group's items."""
        return Exposure(
            self.log.of(dataset_group),
            self.catalogue.of(dataset_group),
            self.impressions.of(dataset_group),
        )

    def exposed(self, cut: Cut, item_ids: Sequence[str], age_cut_off_days: int) -> Exposed:
        """The touches and the eligible items of the cut, which stay while a version is served."""
        through = cut.log_offset
        touched = self.log.touched(max(0, through - _COUNTED_EVENTS), through)
        # An item without a creation time counts from its first event, and is new without one.
        births = {item_id: item.first_sent_at for item_id, item in touched.items()}
        for item in self.catalogue.items():
            if item.created_at is not None:
                births[item.item_id] = item.created_at
        oldest = cut.as_of - age_cut_off_days * DAY
        counts = [touched[item_id].events if item_id in touched else 0 for item_id in item_ids]
        eligible = [births.get(item_id, oldest) >= oldest for item_id in item_ids]
        return Exposed(item_ids, np.array(counts, np.int64), np.array(eligible, np.bool_))

    def novelty(self, exposed: Exposed, at: int) -> Novelty:
        """The novelty of the items at that moment, by the showings up to now."""
        # An item was shown at least as often as it was touched, even if no showing was counted.
        shown = self.impressions.shown(at)
        counts = np.array([shown.get(item_id, 0.0) for item_id in exposed.item_ids], np.float64)
        return novelty(
            np.maximum(exposed.touched, np.rint(counts).astype(np.int64)), exposed.eligible
        )


# Each commit makes readers forget the pages they know, and writes nearly as many pages for a few
# answers as for many.
_LINGER_SECONDS = 0.25
_MAX_WAITING = 100_000
log = get_logger()


# An impression that cannot be stored is dropped: it is a measurement, and must never take the
# answers down with it. It is counted in `lost`, and `report_lost` says so.
class ImpressionLog:
    """Gathers impressions and writes them in the background, so that no answer waits."""

    def __init__(self, table: Impressions) -> None:
        self._table = table
        self._waiting: deque[Impression] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self.lost = 0
        self._reported = 0
        self._reason = ""
        self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)
        self._thread.start()

    def add(self, impression: Impression) -> None:
        """Take an impression; returns at once."""
        if len(self._waiting) >= _MAX_WAITING:
            self._note_lost(1, "more came in than could be written")
            return
        self._waiting.append(impression)
        if not self._wake.is_set():  # to set it takes a lock, and it is set already in a busy hour
            self._wake.set()

    def waiting_of(self, visitor: Visitor) -> list[Impression]:
        """The visitor's answers that are yet to be written."""
        return [
            one
            for one in self._waiting.copy()
            if (one.user_id is not None and one.user_id == visitor.user_id)
            or (one.session_id is not None and one.session_id == visitor.session_id)
        ]

    def unseen(self) -> "UnseenAnswers":
        """Knows the same answers, and drops new ones."""
        return UnseenAnswers(self)

    def report_lost(self) -> None:
        """Raise StorageUnavailable if impressions were lost since it was last called."""
        lost, self._reported = self.lost - self._reported, self.lost
        if lost:
            raise StorageUnavailable(
                f"{lost:,} answers could not be logged ({self._reason}): outcomes and exploration"
                " count without them; see that the database can be written"
            )

    def _note_lost(self, count: int, reason: str) -> None:
        self.lost += count
        self._reason = reason

    def close(self) -> None:
        """Write what waits, then stop."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(_LINGER_SECONDS)
            # Before the flush, so that what comes in meanwhile wakes this thread again.
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        batch = list(self._waiting.copy())
        try:
            self._table.append(batch)
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever happens
            self._note_lost(len(batch), reason_of(error))
            log.warning("impressions lost", count=len(batch), reason=str(error))
        finally:
            for _ in batch:  # not before: until they are written, they are read from here
                self._waiting.popleft()


class UnseenAnswers:
    """Stands in for the log in an operator's preview: nothing is logged."""

    def __init__(self, log: ImpressionLog | None = None) -> None:
        self._log = log

    def add(self, impression: Impression) -> None:
        """Drop it."""

    def waiting_of(self, visitor: Visitor) -> list[Impression]:
        """See `ImpressionLog.waiting_of`."""
        return [] if self._log is None else self._log.waiting_of(visitor)

    def unseen(self) -> "UnseenAnswers":
        """Itself."""
        return self
