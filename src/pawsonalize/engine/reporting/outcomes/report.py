"""An outcomes report as values; shares and rates are None where nothing can be said."""

import msgspec

from pawsonalize.evaluation.bootstrap import Interval


class Stays(msgspec.Struct, frozen=True, rename="camel"):
    """How long arrivals wait.

    `rmst90` is the mean of min(wait, 90 days) over all of them, in days, with a 95% interval;
    `adopted_within90` the share adopted by then; both None until an arrival was followed as far.
    `mean_of_adopted` looks at those alone who were adopted: it flatters (see the docs).
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
    """What came of one policy's answers, of one solution version's, or of all.

    `value` is the weighted sum of outcomes, `adoptions` less `returns` make the rate, per 1,000
    `sessions` that had such an answer. `never_shown_share` is of the animals that waited
    meanwhile. `stays` and `hardest_fifth` are of arrivals while it answered, None for a policy.
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


class Estimate(msgspec.Struct, frozen=True, rename="camel"):
    """What another policy would have reached, as value per shown place; or why nobody can say.

    `served` is what the logged places reached. `estimate` is self-normalised importance sampling
    with its 95% interval; `sample` how many even rows it is worth, of `rows`.
    """

    policy: str
    served: float | None
    estimate: Interval | None
    sample: float
    rows: int
    refusal: str | None


class OutcomesReport(msgspec.Struct, frozen=True, rename="camel"):
    """What came of answers from `since` to before `until` (ISO 8601).

    An outcome that names no answer is put down to one of the `within_days` before it.
    """

    since: str
    until: str
    within_days: int
    weights: dict[str, float]
    total: Line
    policies: list[Line]
    versions: list[Line]
    curve: Curve
    hardest_curve: Curve
    other_policy: Estimate
