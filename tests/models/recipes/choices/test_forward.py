"""A market that is played forward: what an order brings there, and which weights are found."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.models.plays import Play
from pawsonalize.models.recipes.choices.forward import _DAYS, Market, _homes, _Run, find_weights


def market(animals: int, visits: float, places: int, homes_per_opening: float = 0.02) -> Market:
    """One in which about as many animals leave as come: more at first, as favourites wait."""
    dice = np.random.default_rng(0)
    arrivals = visits * 0.02
    return Market(
        appeal=dice.normal(0, 0.5, animals),
        own=dice.normal(0, 0.5, animals),
        is_there=np.ones(animals, np.bool_),
        arrivals=arrivals,
        visits=visits,
        attention=1 / np.arange(1.0, places + 1) ** 0.6,
        intercept=-2.5,
        own_variance=0.25,
        known=0.3,
        unexplained=1.0,
        homes=arrivals * 1.9,
        homes_per_opening=homes_per_opening,
        home_rate=arrivals / max(animals, 1),
    )


def taken_back(plays: Sequence[Play], price: float) -> Play:
    return next(play for play in plays if play.price == price)


def test_where_there_are_homes_enough_a_price_brings_more_of_them_and_nobody_pays() -> None:
    plays = find_weights(market(200, 320.0, places=40), learned_by_board=0.2)
    served, bare = plays[0], taken_back(plays, 0.0)
    assert served.price > 0
    assert served.homes >= bare.homes
    assert served.days <= bare.days
    assert served.hardest >= bare.hardest
    assert {play.price for play in plays} == {0.0, 1 / 3, 2 / 3, 1.0}
    asked = next(play for play in plays if play.boards)
    assert asked.days < served.days, "whoever is asked finds theirs on the first page"


def test_the_same_market_is_played_the_same_again() -> None:
    small = market(30, 40.0, places=12)
    assert find_weights(small, 0.2) == find_weights(small, 0.2)


def test_exploration_is_played_at_half_and_twice_as_it_is_set_and_within_bounds() -> None:
    small = market(10, 8.0, places=6)
    for usual, others in ((0.1, {0.05, 0.2}), (0.0, set()), (0.8, {0.4, 1.0})):
        served, *plays = find_weights(replace(small, exploration=usual), 0.2)
        assert served.exploration == usual
        assert {play.exploration for play in plays} - {usual} == others


def test_asking_that_tells_nothing_changes_nothing() -> None:
    served, *_, asked = find_weights(market(30, 40.0, places=12), learned_by_board=0.0)
    assert asked.boards
    assert (asked.homes, asked.days, asked.hardest) == (served.homes, served.days, served.hardest)


def test_a_large_market_is_played_by_fewer_visits_before_it_is_played_by_fewer_animals() -> None:
    town, city = market(200, 320.0, places=40), market(2_000, 3_200.0, places=40)
    assert town.crowd > 1
    assert town.part > 0.8, "of fewer animals a page would show a larger share"
    runs = np.array([_Run(town, 1 / 3, 0.5, seed).play() for seed in range(2)])
    homes, visits = runs.mean(axis=0)[:2]
    assert visits == pytest.approx(_DAYS * 320 * town.part, rel=0.05), "each counts for many"
    assert 0.015 < homes / visits < 0.025
    assert town.crowd <= city.crowd
    assert city.part < 0.2


@given(
    seed=st.integers(0, 99),
    animals=st.integers(1, 12),
    places=st.integers(1, 14),
    homes_per_opening=st.floats(0.01, 1.0),
)
def test_every_home_is_of_another_animal_that_was_there(
    seed: int, animals: int, places: int, homes_per_opening: float
) -> None:
    run = _Run(market(animals, 6.0, places, homes_per_opening), 1 / 3, 0.5, seed)
    homes, _, waited, hardest = run.play()
    assert homes == np.count_nonzero(~run._waits)
    assert homes <= len(run.appeal)
    assert waited >= homes
    assert 0 <= hardest <= 1


@given(st.data())
def test_no_animal_finds_two_homes_and_no_visitor_takes_two(data: st.DataObject) -> None:
    visits, places = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    dice = np.random.default_rng(data.draw(st.integers(0, 999)))
    shown = dice.integers(4, size=(visits, places))
    wants = dice.random((visits, places)) < 0.6
    taken = list(_homes(wants, shown))
    assert len(set(taken)) == len(taken) <= visits
    assert set(taken) <= set(shown[wants].tolist())
    wanting = int(wants.any(axis=1).sum())
    assert bool(taken) == bool(wanting)
    assert len(taken) <= wanting


def test_an_empty_or_a_tiny_market_does_not_fail() -> None:
    empty = market(0, 10.0, places=6)
    assert find_weights(empty, 0.2) == ()
    everybody_left = replace(market(5, 10.0, places=6), is_there=np.zeros(5, np.bool_))
    assert find_weights(everybody_left, 0.2) == ()
    for tiny in (market(1, 0.5, places=1), market(3, 0.0, places=40)):
        plays = find_weights(tiny, 0.2)
        assert len(plays) == 9
        assert np.isfinite([(play.homes, play.days, play.hardest) for play in plays]).all()
