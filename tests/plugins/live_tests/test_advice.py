"""The design that fits, how long it takes, and what others get wrong."""

from functools import partial

import numpy as np
import pytest

from benchmarks import live_tests
from pawsonalize.plugins.live_tests.advice import DIFFERENCES, Advice, advise
from pawsonalize.recommend.live_tests import Design

_of_shelter = partial(advise, visits_per_day=300, events_per_day=9, adoptions_per_day=1.2)


def test_where_animals_wait_long_visitors_are_asked_on_one_page() -> None:
    advice = _of_shelter(animals_available=150)
    assert advice.design is Design.INTERLEAVE
    assert "about 125 days" in advice.reason
    assert set(advice.others) == {Design.AB, Design.SWITCHBACK}
    assert "nearest to the truth here" in advice.others[Design.AB]


def test_where_animals_are_short_days_are_compared() -> None:
    advice = _of_shelter(animals_available=12)
    assert advice.design is Design.SWITCHBACK
    assert "10 days" in advice.reason
    assert advice.replaced == pytest.approx(1 - np.exp(-3))
    assert "takes the animal from the other" in advice.others[Design.AB]


def test_orders_that_save_animals_are_never_judged_by_the_page_they_change() -> None:
    advice = _of_shelter(animals_available=150, saves_animals=True)
    assert advice.design is Design.SWITCHBACK
    assert "later visitors" in advice.others[Design.INTERLEAVE]


def test_a_larger_difference_is_found_sooner_and_on_one_page_soonest() -> None:
    days = _of_shelter(animals_available=150, shelters=6).days
    assert set(days) == set(Design)
    for found in days.values():
        assert len(found) == len(DIFFERENCES)
        known = [day for day in found if day is not None]
        assert known == sorted(known, reverse=True)
    interleaved, visitors = days[Design.INTERLEAVE][2], days[Design.AB][2]
    assert interleaved is not None
    assert visitors is not None
    assert interleaved < visitors


def test_the_days_of_an_ab_test_are_about_the_median_of_simulated_ones() -> None:
    days = _of_shelter(animals_available=150).days[Design.AB][2]
    simulated = next(
        row["days"]
        for row in live_tests.days(300, most=10)
        if (row["design"], row["effect"]) == ("ab", "+20%")
    )
    assert days == pytest.approx(simulated, rel=0.25)


def test_a_service_without_traffic_is_told_that_nothing_is_found() -> None:
    advice = advise(visits_per_day=0, events_per_day=0, adoptions_per_day=0, animals_available=0)
    assert isinstance(advice, Advice)
    assert set(advice.days.values()) == {(None, None, None)}
    assert "nobody was adopted yet" in advice.reason
