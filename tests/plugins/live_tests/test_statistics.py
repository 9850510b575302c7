"""Readings of live tests, beside an implementation by others and by simulation."""

import math
from itertools import product

import numpy as np
import pytest
import ville
from scipy.stats import beta, binom
from ville import _boundaries

from benchmarks import live_tests
from pawsonalize.plugins.live_tests.statistics import (
    CELLS,
    LONGEST,
    VISITORS,
    Moments,
    Reading,
    Verdict,
    difference_radius,
    fails_more,
    first_day,
    judge,
    read_difference,
    read_preferences,
    sample_ratio_is_off,
)

_OF_ITSELF = 10_000  # runs: the standard error of a share of 4% is .002
_ALLOWED = 0.04


def _preferences(wins: float, losses: float, **changes: float) -> Reading:
    return read_preferences(wins, losses, **({"margin": 0.05, "decisive_per_day": 60.0} | changes))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_interval_of_preferences_is_ville_s(alpha: float) -> None:
    dice = np.random.default_rng(1)
    for prefer in (0.03, 0.5, 0.62, 0.97):
        stream = (dice.random(2_000) < prefer).astype(float)
        theirs = ville.BernoulliCS(alpha=alpha, prior=(20, 20), intersect=False).fit(stream)
        for n in (1, 2, 10, 77, 500, 2_000):
            wins = stream[:n].sum()
            ours = _preferences(wins, n - wins, alpha=alpha)
            assert ours.low == pytest.approx(theirs.lower_[n - 1], abs=1e-9)
            assert ours.high == pytest.approx(theirs.upper_[n - 1], abs=1e-9)
            assert ours.estimate == pytest.approx(theirs.estimate_[n - 1])


def test_the_evidence_is_the_mean_likelihood_ratio_over_the_prior() -> None:
    # By a sum over the prior instead of gamma functions: at the bound it is 1 / alpha.
    share = (np.arange(20_000) + 0.5) / 20_000
    for wins, losses in ((40, 20), (700, 640)):
        low = _preferences(wins, losses).low
        ratio = binom.pmf(wins, wins + losses, share) / binom.pmf(wins, wins + losses, low)
        assert (ratio * beta.pdf(share, 20, 20)).mean() == pytest.approx(20, rel=1e-4)


def test_the_interval_of_a_difference_is_ville_s() -> None:
    for units, tuned_for in product((30, 400, 5_000, 90_000), (CELLS, VISITORS)):
        precision = tuned_for / (-2 * math.log(0.05) + math.log1p(-2 * math.log(0.05)))
        theirs = _boundaries.normal_mixture(units, 0.05, precision) / units
        radius = difference_radius(1 / units, units, 0.05, tuned_for)
        assert radius == pytest.approx(theirs, rel=1e-12)
        best = _boundaries.normal_mixture(tuned_for, 0.05, _boundaries.best_rho(tuned_for, 0.05))
        narrowest = difference_radius(1 / tuned_for, tuned_for, 0.05, tuned_for)
        assert best / tuned_for <= narrowest <= 1.001 * best / tuned_for
    dice = np.random.default_rng(2)
    outcomes = dice.random(6_000) + 0.02 * np.arange(6_000) % 2
    arms = np.arange(6_000) % 2
    whole = ville.AsymptoticCS(t_opt=VISITORS).fit((outcomes - outcomes.mean()) * (4 * arms - 2))
    ours = read_difference(
        *(_moments(outcomes[arms == arm]) for arm in (0, 1)), margin=0.01, days=10
    )
    assert ours.estimate == pytest.approx(whole.estimate_[-1])
    assert ours.high - ours.low == pytest.approx(whole.upper_[-1] - whole.lower_[-1], rel=5e-3)


def _moments(outcomes: np.ndarray) -> Moments:
    return Moments(len(outcomes), float(outcomes.sum()), float((outcomes**2).sum()))


def test_a_thing_against_itself_is_rarely_called_better_or_worse_however_often_it_is_read() -> None:
    decided = live_tests.decided_preferences(_OF_ITSELF, 60 * 60, 0.5, 54)
    assert 0.02 < np.isfinite(decided).mean() <= _ALLOWED
    rates = {row["design"]: row for row in live_tests.errors(1_000)}
    for design in ("ab", "switchback"):
        assert rates[design]["errors"] <= _ALLOWED
    assert all(row["errors_of_daily_fixed_test"] > 0.25 for row in rates.values())


def test_few_cells_of_a_busy_shelter_say_nothing_yet() -> None:
    # Read from ten cells of an arm on, it erred in 4.2%: their variance is too often too small.
    dice = np.random.default_rng(2)
    arm = dice.random((2_000, 720)) < 0.5
    adopted = dice.poisson(3, arm.shape)
    moments = [
        np.cumsum(np.array([~arm, arm]) * column, axis=-1).astype(float)
        for column in (1, adopted, adopted**2)
    ]
    decided = live_tests.decided_differences(moments[0], moments[1], moments[2], CELLS)
    assert np.isfinite(decided).mean() <= _ALLOWED


def test_the_simulation_reads_as_the_product_does() -> None:
    fewest = live_tests.fewest_wins(200)
    assert fewest[5] == 6  # five of five are not enough
    for n in range(20, 201):
        wins = int(fewest[n])
        better = _preferences(wins, n - wins).verdict is Verdict.BETTER
        assert better
        assert _preferences(wins - 1, n - wins + 1).verdict is not Verdict.BETTER
    units = np.array([[[5, 40, 400]], [[30, 42, 380]]], float)
    totals = np.array([[[1, 0, 12]], [[2, 0, 30]]], float)
    found = live_tests.radii(units, totals, totals, VISITORS)[0]
    for look, radius in enumerate(found):
        first, second = (
            Moments(int(units[arm, 0, look]), totals[arm, 0, look], totals[arm, 0, look])
            for arm in (0, 1)
        )
        reading = read_difference(first, second, margin=0.1, days=3)
        assert (reading.high - reading.low) / 2 == pytest.approx(radius)


def test_a_preference_is_found_in_days() -> None:
    # At 300 visits a day, a fifth of them decisive. Of 30,000 runs the first is 12.02 ± 0.09.
    for prefer, most in ((0.55, 12.3), (0.62, 3.0)):
        decided = live_tests.decided_preferences(_OF_ITSELF, 60 * 60, prefer, 55)
        assert np.median(decided) / 60 <= most


def test_a_verdict_is_what_its_interval_says() -> None:
    assert judge(0.51, 0.6, 0.5, 0.2) is Verdict.BETTER
    assert judge(0.3, 0.49, 0.5, 0.2) is Verdict.WORSE
    assert judge(0.48, 0.52, 0.5, 0.05) is Verdict.EQUAL_ENOUGH
    assert judge(0.44, 0.52, 0.5, 0.05) is Verdict.NOT_KNOWN
    assert _preferences(420, 300).verdict is Verdict.BETTER
    assert _preferences(300, 420).verdict is Verdict.WORSE
    assert _preferences(2_500, 2_500).verdict is Verdict.EQUAL_ENOUGH
    even, odd = _preferences(300, 420), _preferences(420, 300)
    assert even.low == pytest.approx(1 - odd.high)


def test_days_left_are_those_after_which_the_same_again_decides() -> None:
    reading = _preferences(330, 270)
    assert reading.verdict is Verdict.NOT_KNOWN
    assert reading.days_left is not None
    prefers = (20 + 330) / 640
    for days, verdict in ((reading.days_left - 0.2, "not-known"), (reading.days_left, "better")):
        more = 60 * days
        assert _preferences(330 + more * prefers, 270 + more * (1 - prefers)).verdict == verdict
    assert _preferences(420, 300).days_left == 0
    assert _preferences(330, 270, decisive_per_day=0).days_left is None
    assert _preferences(0, 0, decisive_per_day=0.1).days_left is None
    first, second = Moments(9_000, 270, 270), Moments(9_000, 324, 324)
    left = read_difference(first, second, margin=0.001, days=60).days_left
    assert left is not None
    grown = [
        Moments(round(one.units * by), one.total * by, one.squares * by)
        for one in (first, second)
        for by in [1 + left / 60]
    ]
    assert read_difference(grown[0], grown[1], margin=0.001, days=60 + left).low == pytest.approx(
        0, abs=2e-5
    )
    assert first_day(lambda _: False) is None
    assert first_day(lambda days: days >= LONGEST - 0.2) == pytest.approx(LONGEST - 0.2, abs=0.1)


def test_failures_of_one_arm_are_told_from_luck() -> None:
    assert fails_more((0, 8), (500, 500))
    assert not fails_more((0, 4), (500, 500))
    assert not fails_more((8, 0), (500, 500))
    assert not fails_more((90, 10), (9_000, 1_000))  # arms of different sizes
    assert not fails_more((0, 0), (0, 0))
    dice = np.random.default_rng(6)
    of_second = np.cumsum(dice.random((500, 300)) < 0.5, axis=1)
    looks = range(4, 300, 5)
    called = [
        any(fails_more((k + 1 - int(one[k]), int(one[k])), (9_000, 9_000)) for k in looks)
        for one in of_second
    ]
    assert np.mean(called) <= 0.05


def test_nothing_is_equal_because_nothing_happened_yet() -> None:
    for moments in (Moments(0, 0, 0), Moments(19, 8, 8), Moments(5_000, 0, 0)):
        reading = read_difference(moments, moments, margin=0.5, days=9)
        assert reading.verdict is Verdict.NOT_KNOWN
        assert (reading.low, reading.high) == (-math.inf, math.inf)
        assert reading.days_left is None
    assert _preferences(0, 0).verdict is Verdict.NOT_KNOWN
    assert (_preferences(0, 0).low, _preferences(0, 0).high) == (0, 1)


def test_a_sample_ratio_is_off_where_arms_are_no_halves_and_hardly_ever_else() -> None:
    assert not sample_ratio_is_off(0, 0)
    assert not sample_ratio_is_off(5_050, 4_950)
    assert sample_ratio_is_off(5_400, 4_600)
    assert sample_ratio_is_off(4_600, 5_400)
    dice = np.random.default_rng(4)
    firsts = np.cumsum(dice.random((1_000, 3_000)) < 0.5, axis=1)
    looks = range(99, 3_000, 100)
    off = [
        any(sample_ratio_is_off(int(one[k]), k + 1 - int(one[k])) for k in looks) for one in firsts
    ]
    assert sum(off) <= 3
