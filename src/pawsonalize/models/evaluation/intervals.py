"""Intervals of means by the bootstrap over users, and of stays that have not ended yet."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
RESAMPLES = 1_000  # as the 25 outermost on each side are the bounds
CONFIDENCE = 0.95
SWAPS = 4_000  # a chance of 2.5% is then known within 0.5%
FOLDS = 5
# A level's own rate counts half once so many of it were adopted.
_PRIOR_ADOPTIONS = 5.0


class Interval(msgspec.Struct, frozen=True):
    """A mean over users and the bounds that hold `CONFIDENCE` of its bootstrap means."""

    mean: float
    low: float
    high: float


class Difference(Interval, frozen=True):
    """Mean of one ranker less another's on the same users, with its bounds."""

    better: float  # the share of bootstrap means above 0, half of those at 0 among them


def resampled_means(values: Floats, seed: int, resamples: int = RESAMPLES) -> Floats:
    """Means over users drawn with replacement; (users, metrics) to (resamples, metrics)."""
    # Users are drawn whole, since one user's values belong together (Efron and Tibshirani, "An
    # Introduction to the Bootstrap", 1993, chapters 13 and 16). With fewer than about 30 users the
    # intervals are too narrow; with one they are a point.
    users = len(values)
    drawn = np.random.default_rng(seed).integers(users, size=(resamples, users))
    # How often each resample holds each user, counted for all resamples at once.
    places = (drawn + np.arange(resamples)[:, np.newaxis] * users).ravel()
    times = np.bincount(places, minlength=resamples * users).reshape(resamples, users)
    return np.asarray(times.astype(np.float64) @ values / users, np.float64)


def intervals(values: Floats, seed: int) -> tuple[Interval, ...]:
    """The interval of each metric; `values` is (users, metrics), at least one user."""
    low, high = _bounds(resampled_means(values, seed))
    return tuple(map(Interval, values.mean(axis=0).tolist(), low.tolist(), high.tolist()))


def paired_differences(ours: Floats, theirs: Floats, seed: int) -> tuple[Difference, ...]:
    """The difference of each metric, user by user; both (users, metrics), the same users."""
    # Pairing sees differences that two overlapping intervals hide.
    per_user = ours - theirs
    means = resampled_means(per_user, seed)
    low, high = _bounds(means)
    # Half of the ties, so that a model compared with itself is better with probability one half.
    better = (means > 0).mean(axis=0) + (means == 0).mean(axis=0) / 2
    columns = (per_user.mean(axis=0), low, high, better)
    return tuple(map(Difference, *(column.tolist() for column in columns)))


def _bounds(means: Floats) -> tuple[Floats, Floats]:
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, (outside, 1 - outside), axis=0)
    return low, high


def chance_of_lead(ours: Floats, theirs: Floats, seed: int) -> float:
    """Probability of as large a lead if a coin decides for each user which ranker is which."""
    differences = ours - theirs
    # A user with equal values keeps the sum whatever the coin shows, so leaving them out is exact
    # and saves work.
    differences = differences[differences != 0]
    coins = np.random.default_rng(seed).integers(2, size=(SWAPS, len(differences)), dtype=np.int8)
    leads = 2 * (coins.astype(np.float64) @ differences) - differences.sum()
    slack = 1e-12 * np.abs(differences).sum()  # the same lead may round differently
    as_large = np.count_nonzero(leads >= differences.sum() - slack)
    # Plus 1 for the observed arrangement, which is one of those possible: without it a test by
    # chance could claim probability 0 (Phipson and Smyth 2010).
    return float((as_large + 1) / (SWAPS + 1))


class SurvivalCurve(msgspec.Struct, frozen=True):
    """The share still waiting: `share[k]` from day `days[k]` until before `days[k + 1]`.

    Begins with 1 at day 0; each column is (steps,). Of `at_risk` arrivals still followed just
    before that day, `ended` were adopted on it. `followed` is the longest wait seen, in days.
    """

    days: Floats
    share: Floats
    at_risk: Ints
    ended: Ints
    followed: float

    def reaches(self, day: float) -> bool:
        """True if the data say anything of that day."""
        # Somebody was followed as far, or all left.
        return self.followed >= day or self.share[-1] == 0

    def at(self, day: float) -> float:
        """Share still waiting after that day; NaN beyond what was followed."""
        if not self.reaches(day):
            return math.nan
        return float(self.share[np.searchsorted(self.days, day, side="right") - 1])


def kaplan_meier(waited: Floats, adopted: Mask) -> SurvivalCurve:
    """The curve of arrivals that waited so many days (at least one); the others wait still."""
    # Kaplan and Meier, "Nonparametric Estimation from Incomplete Observations", JASA 1958.
    days = np.unique(waited)
    ends = np.sort(waited[adopted])
    ended = np.searchsorted(ends, days, side="right") - np.searchsorted(ends, days)
    at_risk = len(waited) - np.searchsorted(np.sort(waited), days)
    return SurvivalCurve(
        days=np.concatenate([[0.0], days]),
        # The product-limit estimate: the chance to wait on, day by day, among those followed so
        # far. Arrivals that wait still count until the day on which they were last seen.
        share=np.concatenate([[1.0], np.cumprod(1 - ended / at_risk)]),
        at_risk=np.concatenate([[len(waited)], at_risk]).astype(np.int64),
        ended=np.concatenate([[0], ended]).astype(np.int64),
        followed=float(waited.max()),
    )


def restricted_mean(curve: SurvivalCurve, horizon: float) -> Interval | None:
    """Mean days of min(wait, horizon), the area under the curve; None if nobody waited as long."""
    # The interval is normal, with Greenwood's variance (Klein and Moeschberger, section 4.5).
    if not curve.reaches(horizon):
        return None
    steps = np.flatnonzero(curve.days < horizon)
    edges = np.append(curve.days[steps], horizon)
    areas = curve.share[steps] * np.diff(edges)
    mean = float(areas.sum())
    after = areas[::-1].cumsum()[::-1]  # the area from each step on
    n, d = curve.at_risk[steps].astype(float), curve.ended[steps].astype(float)
    # A day on which everybody who was left went home would divide by 0; the area after it is 0.
    some = (d > 0) & (n > d)
    variance = float((after[some] ** 2 * d[some] / (n[some] * (n[some] - d[some]))).sum())
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance)
    return Interval(mean, max(0.0, mean - reach), min(horizon, mean + reach))


def expected_rates(levels: Sequence[Ints], waited: Floats, adopted: Mask) -> Floats:
    """Adoptions to expect per day of waiting for each arrival, shape (arrivals,).

    `levels` are codes of what is known on arrival, from coarse to fine.
    """
    rates = np.empty(len(waited))
    fold = np.arange(len(waited)) % FOLDS
    # What became of an arrival says nothing about itself: rates come from the other folds.
    for number in range(FOLDS):
        known = fold != number
        days, ends = waited * known, (adopted & known).astype(float)
        # One adoption and one day more, so that no rate is 0 or endless.
        rate = np.full(len(waited), (ends.sum() + 1) / (days.sum() + 1))
        for codes in levels:
            all_ends, all_days = (np.bincount(codes, one)[codes] for one in (ends, days))
            # A level with few adoptions is drawn towards the rate of the level above.
            rate = (all_ends + _PRIOR_ADOPTIONS) / (all_days + _PRIOR_ADOPTIONS / rate)
        rates[~known] = rate[~known]
    return rates


def hardest_fifth(rates: Floats) -> Mask:
    """A mask of the lowest fifth, rounded up; the earlier of equals comes first."""
    mask = np.zeros(len(rates), bool)
    mask[np.argsort(rates, kind="stable")[: -(-len(rates) // 5)]] = True
    return mask
