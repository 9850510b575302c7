"""Waits with some that go on still: Kaplan-Meier and the restricted mean, against hand counts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.models.evaluation.intervals import SurvivalCurve, kaplan_meier, restricted_mean

waits = st.lists(st.tuples(st.integers(0, 200), st.booleans()), min_size=1, max_size=40)


def curve(*told: tuple[float, bool]) -> SurvivalCurve:
    return kaplan_meier(
        np.array([days for days, _ in told], float), np.array([end for _, end in told])
    )


def test_kaplan_meier_agrees_with_a_count_by_hand() -> None:
    """Of 5: one adopted on day 10, one lost on 20, two adopted on 30, one still waits on 40."""
    found = curve((10, True), (20, False), (30, True), (30, True), (40, False))
    assert [found.at(day) for day in (0, 9, 10, 29, 30, 40)] == pytest.approx(
        [1, 1, 4 / 5, 4 / 5, 4 / 15, 4 / 15]
    )
    assert found.at_risk.tolist() == [5, 5, 4, 3, 1]
    assert found.ended.tolist() == [0, 1, 0, 2, 0]


def test_kaplan_meier_agrees_with_the_published_leukaemia_trial() -> None:
    """Freireich et al. 1963, the 6-MP arm, as in Klein and Moeschberger's table 4.1A."""
    weeks = (6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35)
    relapsed = (1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0)
    found = curve(*zip(weeks, map(bool, relapsed), strict=True))
    assert [found.at(week) for week in (6, 7, 10, 13, 16, 22, 23)] == pytest.approx(
        [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4
    )


def test_the_restricted_mean_counts_a_long_wait_as_the_horizon() -> None:
    found = restricted_mean(curve((30, True), (90, True), (200, True), (400, False)), 90)
    assert found is not None
    assert found.mean == (30 + 90 + 90 + 90) / 4
    assert found.low < found.mean < found.high <= 90


def test_the_restricted_mean_is_the_area_under_the_curve_where_some_wait_still() -> None:
    found = restricted_mean(curve((10, True), (20, False), (30, True), (30, True), (40, False)), 40)
    assert found is not None
    assert found.mean == pytest.approx(10 + 20 * 4 / 5 + 10 * 4 / 15)


def test_leaving_out_who_still_waits_would_flatter() -> None:
    adopted = [(5.0, True)] * 5
    alone = restricted_mean(curve(*adopted), 90)
    all_of_them = restricted_mean(curve(*adopted, *[(100.0, False)] * 5), 90)
    assert alone is not None
    assert all_of_them is not None
    assert alone.mean == 5
    assert all_of_them.mean == (5 + 90) / 2


def test_nothing_is_said_of_days_that_nobody_was_followed_to() -> None:
    young = curve((10, True), (20, False))
    assert restricted_mean(young, 90) is None
    assert math.isnan(young.at(90))
    assert restricted_mean(curve((10, True), (20, True)), 90) is not None, "nobody is left"


@given(waits)
def test_without_cuts_the_restricted_mean_is_the_plain_one(told: list[tuple[int, bool]]) -> None:
    found = restricted_mean(curve(*((days, True) for days, _ in told)), 90)
    assert found is not None
    assert found.mean == pytest.approx(np.mean([min(days, 90) for days, _ in told]))


@given(waits)
def test_kaplan_meier_agrees_with_scipy(told: list[tuple[int, bool]]) -> None:
    from scipy import stats  # takes longer to import than everything else here

    found = curve(*told)
    lost, ended = ([days for days, end in told if end is wanted] for wanted in (False, True))
    known = stats.ecdf(stats.CensoredData(uncensored=ended, right=lost)).sf
    assert found.days[1:].tolist() == known.quantiles.tolist()
    assert found.share[1:] == pytest.approx(known.probabilities)


@given(waits)
def test_the_curve_only_falls_and_stays_between_1_and_0(told: list[tuple[int, bool]]) -> None:
    share = curve(*told).share
    assert share[0] == 1
    assert (np.diff(share) <= 0).all()
    assert share[-1] >= 0
