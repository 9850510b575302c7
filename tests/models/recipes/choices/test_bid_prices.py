"""An animal that will find a home anyway has a price; one that nobody asks for has none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.models.recipes.choices.own_effects import HORIZON, bid_prices, home_rate


def test_the_rate_of_homes_is_found_again_from_stays_whatever_the_appeal() -> None:
    rng = np.random.default_rng(0)
    appeal = rng.normal(0, 0.8, 20_000)
    stays = rng.exponential(1 / (0.02 * np.exp(appeal)))
    waited = np.minimum(stays, 60.0)
    assert home_rate(float((stays <= 60.0).sum()), waited, appeal) == pytest.approx(0.02, rel=0.05)


def test_a_price_is_the_log_of_the_days_that_a_home_saves_of_half_a_year() -> None:
    once_a_day, hardly_ever = bid_prices(1.0, np.array([0.0, -30.0]))
    assert once_a_day == pytest.approx(np.log(1 / HORIZON))
    assert bid_prices(1e-9, np.zeros(1))[0] == pytest.approx(0.0, abs=1e-4)
    assert once_a_day < hardly_ever < 0, "appeal counts up to a bound"


def test_without_a_rate_nobody_has_a_price() -> None:
    assert home_rate(3.0, np.zeros(2), np.zeros(2)) == 0.0
    assert bid_prices(0.0, np.array([0.0, 5.0])).tolist() == [0.0, 0.0]


@given(st.floats(1e-9, 50), st.lists(st.floats(-50, 50), min_size=2, max_size=9))
def test_the_more_wanted_the_higher_the_price_and_nobody_gains_by_it(
    rate: float, appeal: list[float]
) -> None:
    prices = bid_prices(rate, np.sort(np.array(appeal)))
    assert np.isfinite(prices).all()
    assert (prices <= 1e-12).all()
    assert (np.diff(prices) <= 1e-9).all()


def test_where_homes_are_short_appeal_counts_about_half_and_else_hardly_at_all() -> None:
    usual = np.array([-0.5, 0.5])
    short, enough = (usual + bid_prices(1 / days, usual) for days in (130, 12))
    assert np.diff(short)[0] == pytest.approx(0.5, abs=0.1)
    assert np.diff(enough)[0] == pytest.approx(0.0, abs=0.01)
