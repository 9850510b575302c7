"""What an evaluation says; plain values, JSON by msgspec as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pawsonalize.evaluation.bootstrap import Difference, Interval
from pawsonalize.evaluation.calibration import Calibration

Measured = Mapping[str, Interval]
"""An interval for every metric, by its name."""


@dataclass(frozen=True, slots=True)
class RankerReport:
    """One ranker on one split; `lead` is the recipe's value less its own, user by user.

    Empty for the recipe itself.
    """

    name: str
    metrics: Measured
    coverage: float
    lead: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class SliceReport:
    """One slice: how many questions have a target in it, and every ranker's metrics on them."""

    kind: str
    value: str
    questions: int
    metrics: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One split. Moments are milliseconds since 1970.

    `moment` is when the model was trained, `repeated` the share of targets among what was known
    of the same user, `missing` the share that was no candidate. Rankers are the recipe first,
    then the baselines; `shuffled_order` is the recipe again, with every history in random order.
    """

    split: str
    moment: int
    training_events: int
    candidates: int
    questions: int
    targets: int
    repeated: float
    missing: float
    rankers: tuple[RankerReport, ...]
    shuffled_order: RankerReport
    slices: tuple[SliceReport, ...]
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Skipped:
    """A split that the data do not allow, and why."""

    split: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A recipe's evaluation on everything known as of a moment.

    `findings` says in plain words what the numbers of each split mean.
    """

    recipe: str
    settings: Mapping[str, Any]
    seed: int
    as_of: int
    events: int
    users: int
    items: int
    splits: tuple[SplitReport, ...]
    skipped: tuple[Skipped, ...]
    findings: Mapping[str, tuple[str, ...]]
