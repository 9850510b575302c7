"""A log that stopped for years: what was before the pause still counts, whatever came after."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.counts.weights import OLDEST, PAUSE, ActiveTime, decay_weights
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.testing.recipe_checks import DAY, GROUPS, NOW, context, training_data

YEAR = 365 * DAY
Events = list[tuple[str, str, int]]
moments = st.lists(st.integers(NOW - 20 * YEAR, NOW), min_size=1, max_size=30)
histories = st.lists(
    st.tuples(st.sampled_from("uvwxyz"), st.sampled_from(GROUPS[:12]), st.integers(0, 20 * DAY)),
    min_size=1,
    max_size=30,
)
COUNTED: dict[str, Any] = {"learn": False, "classes": 0}
TRENDING: tuple[str, dict[str, Any]] = ("trending-now", {})
RECIPES: list[tuple[str, dict[str, Any]]] = [
    ("popularity-count", {}),
    ("similar-items", {}),
    ("user-personalization", COUNTED),
    ("personalized-ranking", COUNTED),
]


def test_where_no_pause_is_longer_than_a_day_it_is_the_calendars_clock() -> None:
    times = NOW - np.arange(0, 900 * DAY, 7 * 3_600_000)
    clock = ActiveTime.of(times)
    assert (clock.at(times) == times).all()
    assert (clock.moments(times) == times).all()


def test_a_pause_counts_a_day_however_long_it_was() -> None:
    for years in (1, 10):
        clock = ActiveTime.of(np.array([NOW - years * YEAR, NOW]))
        before, during, after = clock.at(np.array([NOW - years * YEAR, NOW - DAY, NOW]))
        assert during - before == after - before == PAUSE


@given(moments, moments)
def test_it_never_runs_backwards_and_every_reading_has_its_moment(
    events: list[int], asked: list[int]
) -> None:
    clock, times = ActiveTime.of(np.array(events)), np.sort(np.array(asked))
    readings = clock.at(times)
    assert (np.diff(readings) >= 0).all()
    assert (clock.moments(readings) <= times).all()
    assert (clock.at(clock.moments(readings)) == readings).all()


def test_what_is_very_old_weighs_little_and_never_nothing() -> None:
    left = decay_weights(np.array([-5.0, 0.0, 1.0, 1e9]), 1.0)
    assert left.tolist() == [1.0, 1.0, 0.5, 2.0**-OLDEST]


def fit(name: str, chosen: dict[str, Any], data: TrainingData) -> Model:
    recipe = recipe_named(name)
    model: Model = recipe.fit(data, recipe.settings(**chosen), 0)
    return model


def paused(history: Events, live: Events, pause: int) -> TrainingData:
    """A history that ended `pause` before the live events of the last hour began."""
    began = NOW - 3_600_000
    newest = max(time for _, _, time in history)
    old = [(user, item, began - pause - newest + time) for user, item, time in history]
    new = [(f"live-{user}", item, began + time % 3_600_000) for user, item, time in live]
    return training_data([*old, *new], GROUPS)


@pytest.mark.parametrize(("name", "chosen"), RECIPES)
@settings(max_examples=15, deadline=None)
@given(history=histories, live=histories, pause=st.integers(2 * DAY, 30 * YEAR))
def test_a_pause_of_years_is_a_pause_of_a_day(
    name: str, chosen: dict[str, Any], history: Events, live: Events, pause: int
) -> None:
    short, long = (fit(name, chosen, paused(history, live, gap)) for gap in (DAY, pause))
    for visitor in (Context((), NOW), context(GROUPS[0]), context(GROUPS[3], GROUPS[1])):
        assert (short.score_catalogue(visitor) == long.score_catalogue(visitor)).all()


@pytest.mark.parametrize(("name", "chosen"), [*RECIPES, TRENDING])
@settings(max_examples=15, deadline=None)
@given(history=histories, live=histories, pause=st.integers(0, 30 * YEAR))
def test_no_order_becomes_flat_when_all_but_the_newest_events_move_into_the_past(
    name: str, chosen: dict[str, Any], history: Events, live: Events, pause: int
) -> None:
    model = fit(name, chosen, paused(history, live, pause))
    scores = dict(zip(GROUPS, model.score_catalogue(Context((), NOW)).tolist(), strict=True))
    touched = {item for _, item, _ in (*history, *live)}
    untouched = [score for item, score in scores.items() if item not in touched]
    assert min(scores[item] for item in touched) > max(untouched)


def test_the_popular_of_before_the_pause_stay_in_front_of_a_few_live_events() -> None:
    history = [(f"u{n}", GROUPS[n % 4], n * 1000) for n in range(200)]
    live = [(f"u{n}", GROUPS[9], n * 1000) for n in range(5)]
    for name, chosen in RECIPES:
        model = fit(name, chosen, paused(history, live, 4 * YEAR))
        scores = model.score_catalogue(Context((), NOW))
        order = [GROUPS[place] for place in np.argsort(-scores, kind="stable")]
        assert set(order[:4]) == set(GROUPS[:4]), name
        assert order[4] == GROUPS[9], name


def rows(data: TrainingData, kept: NDArray[np.bool_]) -> TrainingData:
    columns = ("user", "item", "event_type", "value", "time")
    return replace(data, **{name: getattr(data, name)[kept] for name in columns})
