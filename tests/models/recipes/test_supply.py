"""How many animals there are of an item changes its chances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.popularity import AvailabilityHistory
from pawsonalize.models.recipes.data import FOREVER, StayColumns, TrainingData
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationSettings,
)
from pawsonalize.testing.recipe_checks import NOW, context, training_data

ITEMS = ("1-Husky-3-2", "1-Beagle-2-2", "2-Siamese-1-1")
stays = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 50), st.integers(0, 60)).map(
        lambda stay: (stay[0], stay[1], stay[1] + stay[2])
    ),
    max_size=40,
)


def stock_of(rows: list[tuple[int, int, int]]) -> StayColumns:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return StayColumns(columns[0].astype(np.int32), columns[1], columns[2])


@given(stays, st.lists(st.integers(-5, 120), min_size=1, max_size=8), st.integers(1, 50))
def test_a_history_counts_what_the_stock_counts(
    rows: list[tuple[int, int, int]], moments: list[int], snapshots: int
) -> None:
    stock = stock_of(rows)
    history = AvailabilityHistory.of(stock, 5, snapshots)
    counted = np.stack([history.at(moment) for moment in moments])
    assert (counted == [stock.at(moment, 5) for moment in moments]).all()


@given(stays, st.integers(-5, 120))
def test_what_is_known_at_a_moment_says_the_same_of_every_moment_before(
    rows: list[tuple[int, int, int]], moment: int
) -> None:
    stock = stock_of(rows)
    known = stock.as_of(moment, np.arange(5))
    for earlier in (moment, moment - 7):
        assert (known.at(earlier, 5) == stock.at(earlier, 5)).all()
    assert ((known.until == FOREVER) | (known.until <= moment)).all()


def test_the_usual_supply_is_the_mean_over_the_moments() -> None:
    stock = stock_of([(0, 0, 10), (0, 5, 10), (1, 0, 5)])
    mean = stock.mean(np.array([1, 6, 20]), np.array([1.0, 2.0, 1.0]), 3)
    assert mean == pytest.approx([(1 + 2 * 2) / 4, 1 / 4, 0])


def known_availability() -> TrainingData:
    """Four users saw each of the items, of which two Huskies were always there, one Beagle."""
    events = [(f"u{k}-{item}", item, NOW - 1_000_000 - k) for k in range(4) for item in ITEMS]
    data = training_data(events, ITEMS)
    code = [data.item_ids.index(item) for item in (ITEMS[0], ITEMS[0], *ITEMS[1:])]
    always = np.zeros(len(code), np.int64)
    return replace(data, stays=StayColumns(np.array(code, np.int32), always, always + FOREVER))


def availability(husky: int, beagle: int, siamese: int) -> Context:
    return replace(context(), availability=np.array([husky, beagle, siamese]))


def test_more_animals_than_usual_make_an_item_likelier_and_one_of_many_less() -> None:
    model = UserPersonalization().fit(known_availability(), UserPersonalizationSettings(), 0)
    usual, more, one = (
        dict(zip(model.item_ids, model.score_catalogue(availability(*many)).tolist(), strict=True))
        for many in ((2, 1, 1), (6, 1, 1), (1, 1, 1))
    )
    assert usual[ITEMS[0]] == pytest.approx(0.50, abs=0.03), "two of the four animals"
    assert more[ITEMS[0]] / more[ITEMS[1]] == pytest.approx(3 * usual[ITEMS[0]] / usual[ITEMS[1]])
    assert one[ITEMS[0]] < one[ITEMS[1]]
    assert sum(more.values()) == pytest.approx(1)


def test_what_is_not_there_is_not_proposed() -> None:
    model = UserPersonalization().fit(known_availability(), UserPersonalizationSettings(), 0)
    asked = replace(context(ITEMS[0]), availability=np.array([0, 1, 1]))
    scores = dict(zip(model.item_ids, model.score_catalogue(asked).tolist(), strict=True))
    assert scores[ITEMS[0]] == 0
    assert sum(scores.values()) == pytest.approx(1)


def test_where_past_supply_is_not_known_only_what_is_gone_matters() -> None:
    data = replace(known_availability(), stays=StayColumns.unknown())
    model = UserPersonalization().fit(data, UserPersonalizationSettings(), 0)
    assert (
        model.score_catalogue(availability(9, 1, 1)) == model.score_catalogue(availability(1, 1, 1))
    ).all()
    assert model.score_catalogue(availability(0, 1, 1))[0] == 0
