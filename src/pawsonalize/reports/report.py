"""The outcomes report, and the waits of animals that it sums up."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal, AnimalStatus, Stay
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY
from pawsonalize.models.evaluation.intervals import (
    Interval,
    SurvivalCurve,
    expected_rates,
    hardest_fifth,
    kaplan_meier,
    restricted_mean,
)

HORIZON = 90.0  # days
_Span = tuple[int, int, int]  # from, until, position of the wait


class Stays(msgspec.Struct, frozen=True, rename="camel"):
    """Waiting times of arrivals.

    `rmst90` is the mean of min(wait, 90 days) over all of them, in days, with a 95% interval.
    `adopted_within90` is the share adopted by then. Both are None until an arrival was followed for
    90 days. `mean_of_adopted` counts only adopted animals: it flatters (see the docs).
    """

    arrivals: int
    adopted: int
    left: int
    waiting: int
    rmst90: Interval | None
    adopted_within90: float | None
    mean_of_adopted: float | None


class Curve(msgspec.Struct, frozen=True, rename="camel"):
    """The share still waiting from each day on, until before the next."""

    days: list[float]
    share: list[float]


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """The outcomes of one policy's answers, of one solution version's, or of all.

    `value` is the weighted sum of outcomes. The rate is `adoptions` less `returns`, per 1,000
    `sessions` that had such an answer. `never_shown_share` counts the animals that waited
    meanwhile. `stays`, `hardest_fifth` and `curve` are of arrivals while the version answered; None
    for a policy.
    """

    name: str
    answers: int
    sessions: int
    inquiries: int
    applications: int
    adoptions: int
    returns: int
    value: float
    adoptions_per1000_sessions: float | None
    never_shown_share: float | None
    stays: Stays | None = None
    hardest_fifth: Stays | None = None
    curve: Curve | None = None


class PolicyEstimate(msgspec.Struct, frozen=True, rename="camel"):
    """Estimated value per shown place of another policy, or why there is no number.

    `served` is what the logged places reached. `estimate` is self-normalised importance sampling
    with its 95% interval; `ips` and `dr` are the plain and the doubly robust one. `sample` is how
    many of the `rows` count, if all counted alike.
    """

    policy: str
    served: float | None
    estimate: Interval | None
    sample: float
    rows: int
    refusal: str | None
    ips: Interval | None = None
    dr: Interval | None = None


class OutcomesReport(msgspec.Struct, frozen=True, rename="camel"):
    """The outcomes of answers from `since` to before `until` (ISO 8601).

    An outcome that names no answer gets one of the `within_days` before it. `first_answer` is the
    moment of the oldest answer that is kept of that time and of the `within_days` before it: what
    came of older ones can be put down to none, and no other policy can be judged by them.
    """

    since: str
    until: str
    within_days: int
    first_answer: str | None
    weights: dict[str, float]
    total: Line
    policies: list[Line]
    versions: list[Line]
    curve: Curve
    hardest_curve: Curve
    other_policy: PolicyEstimate


class Ending(StrEnum):
    """End of a wait. Only an adoption ends it; the others cut it short."""

    ADOPTED = "adopted"
    LEFT = "left"
    WAITING = "waiting"


class Wait(msgspec.Struct, frozen=True):
    """An animal waits from `since` until just before `until`, in milliseconds since 1970.

    `group` is what it was on arrival. `stays` are when it could be shown, and as what.
    """

    animal_id: str
    group: AnimalGroup
    since: int
    until: int
    ending: Ending
    stays: tuple[Stay, ...]

    @property
    def days(self) -> float:
        """Length of the stay in days."""
        return (self.until - self.since) / DAY


_ENDS = {AnimalStatus.ADOPTED: Ending.ADOPTED, AnimalStatus.REMOVED: Ending.LEFT}


def waits_of(animal: Animal, until: int) -> Iterator[Wait]:
    """The animal's waits before `until`: since it is available, or came in if it never is."""
    began: int | None = None
    was_available = False
    for change in animal.history:
        if change.at >= until:
            break
        ending = _ENDS.get(change.status)
        if ending is None:
            is_available = change.status is AnimalStatus.AVAILABLE
            began = change.at if began is None or is_available > was_available else began
            was_available = was_available or is_available
        elif began is not None:
            yield _wait(animal, began, change.at, ending)
            began, was_available = None, False
    if began is not None:
        yield _wait(animal, began, until, Ending.WAITING)


def _wait(animal: Animal, since: int, until: int, ending: Ending) -> Wait:
    stays = tuple(stay for stay in animal.stays() if stay.since < until and stay.until > since)
    return Wait(animal.animal_id, animal.group_at(since), since, until, ending, stays)


class Showing:
    """Marks waits as shown, apart for each key (a policy, a solution version)."""

    def __init__(self, waits: Sequence[Wait]) -> None:
        self._waits = waits
        self._spans: dict[str, list[_Span]] = defaultdict(list)
        for position, wait in enumerate(waits):
            for stay in wait.stays:
                span = (max(stay.since, wait.since), min(stay.until, wait.until), position)
                self._spans[stay.item_id].append(span)
                self._spans[wait.animal_id].append(span)
        # The waits that are not shown yet, so that a second showing costs next to nothing.
        self._left: dict[Hashable, dict[str, list[_Span]]] = {}
        self.shown: dict[Hashable, set[int]] = defaultdict(set)

    def show(self, key: Hashable, item_id: str, at: int) -> None:
        """Mark the item, or the animal of that id, as shown at that moment."""
        left = self._left.get(key)
        if left is None:
            left = self._left[key] = dict(self._spans)
        spans = left.get(item_id)
        if not spans:  # as a rule, once it was shown
            return
        if seen := {position for since, until, position in spans if since <= at < until}:
            self.shown[key] |= seen
            left[item_id] = [span for span in spans if span[2] not in seen]

    def never(self, key: Hashable, since: int, until: int) -> float | None:
        """The share of the waits in that time that the key never showed; None without any."""
        never_shown = [
            position not in self.shown[key]
            for position, wait in enumerate(self._waits)
            if wait.since < until and wait.until > since and wait.stays
        ]
        return sum(never_shown) / len(never_shown) if never_shown else None


def hardest(waits: Sequence[Wait]) -> NDArray[np.bool_]:
    """A mask of the fifth of arrivals whose kind was adopted at the lowest rate per day waited."""
    if not waits:
        return np.zeros(0, bool)
    groups = [wait.group for wait in waits]
    levels = (
        [one.species for one in groups],
        [f"{one.species}\0{one.age}" for one in groups],
        [f"{one.species}\0{one.age}\0{one.size}" for one in groups],
        [one.id for one in groups],
    )
    codes = [np.unique(np.array(level), return_inverse=True)[1] for level in levels]
    return hardest_fifth(expected_rates(codes, *_columns(waits)))


def stays_of(waits: Sequence[Wait]) -> Stays:
    """Return the waiting times of these arrivals."""
    curve = survival(waits)
    endings = [wait.ending for wait in waits]
    adopted = [wait.days for wait in waits if wait.ending is Ending.ADOPTED]
    return Stays(
        arrivals=len(waits),
        adopted=len(adopted),
        left=endings.count(Ending.LEFT),
        waiting=endings.count(Ending.WAITING),
        rmst90=restricted_mean(curve, HORIZON) if curve else None,
        adopted_within90=1 - curve.at(HORIZON) if curve and curve.reaches(HORIZON) else None,
        mean_of_adopted=sum(adopted) / len(adopted) if adopted else None,
    )


def survival(waits: Sequence[Wait]) -> SurvivalCurve | None:
    """The share still waiting by day; None without arrivals."""
    return kaplan_meier(*_columns(waits)) if waits else None


def _columns(waits: Sequence[Wait]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    days = np.array([wait.days for wait in waits])
    return days, np.array([wait.ending is Ending.ADOPTED for wait in waits])


def curve_of(waits: Sequence[Wait]) -> Curve:
    """The curve for a report: the steps at which the share falls, and where it ends."""
    found = survival(waits)
    if found is None:
        return Curve([], [])
    falls = np.flatnonzero(np.diff(found.share, prepend=2.0) < 0)
    days, share = found.days[falls].tolist(), found.share[falls].tolist()
    if days[-1] < found.followed:
        days, share = [*days, found.followed], [*share, share[-1]]
    return Curve([round(day, 3) for day in days], [round(each, 5) for each in share])
