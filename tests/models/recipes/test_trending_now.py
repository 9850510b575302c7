import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.core.times import HOUR
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.models.recipes.trending_now import (
    TrendingNow,
    TrendingNowModel,
    TrendingNowSettings,
)
from pawsonalize.testing.recipe_checks import DAY, NOW, RecipeChecks, training_data, undescribed

Event = tuple[str, str, int]
TODAY, YESTERDAY = NOW - 2 * HOUR, NOW - 26 * HOUR


class TestTrendingNow(RecipeChecks):
    recipe = RECIPES["trending-now"]
    personal = False


def visits(item: str, users: int, time: int) -> list[Event]:
    return [(f"{item} {user}", item, time) for user in range(users)]


def fit(*events: list[Event], **changed: float) -> TrendingNowModel:
    data = training_data([event for group in events for event in group])
    return TrendingNow().fit(data, TrendingNowSettings(**changed), 0)


def order(model: TrendingNowModel, now: int = NOW) -> list[str]:
    scores = model.score_catalogue(Context((), now))
    return [model.item_ids[place] for place in np.argsort(-scores, kind="stable")]


def trend(model: TrendingNowModel, *items: str, now: int = NOW) -> list[float]:
    parts: list[float] = model.contributions(Context((), now), items)["trend"].tolist()
    return parts


def part_of(data: TrainingData, rows: list[int], n_items: int | None = None) -> TrainingData:
    """Some rows of the data, with the first `n_items` of its catalogue."""
    ids = data.item_ids[:n_items]
    return replace(
        data,
        user=data.user[rows],
        item=data.item[rows],
        event_type=data.event_type[rows],
        value=data.value[rows],
        time=data.time[rows],
        item_ids=ids,
        attributes=undescribed(len(ids)),
    )


def assert_equal(one: TrendingNowModel, other: TrendingNowModel) -> None:
    assert one.item_ids == other.item_ids
    assert list(one.arrays()) == list(other.arrays())
    for name, array in one.arrays().items():
        assert array.dtype == other.arrays()[name].dtype
        assert array.tobytes() == other.arrays()[name].tobytes(), name
    for now in (NOW - 3 * DAY, NOW, NOW + 5 * HOUR, NOW + 40 * HOUR, NOW + 9 * DAY):
        scores = [model.score_catalogue(Context((), now)).tobytes() for model in (one, other)]
        assert scores[0] == scores[1]


def test_a_rising_item_beats_a_bigger_one_that_stands_still() -> None:
    model = fit(
        visits("big", 300, YESTERDAY),
        visits("big", 300, TODAY),
        visits("rising", 5, YESTERDAY),
        visits("rising", 30, TODAY),
    )
    assert order(model) == ["rising", "big"]
    assert trend(model, "big") == [0]


def test_a_falling_item_is_not_trending_even_if_it_falls_least() -> None:
    model = fit(
        visits("a", 100, YESTERDAY),
        visits("a", 90, TODAY),
        visits("b", 100, YESTERDAY),
        visits("b", 5, TODAY),
    )
    assert trend(model, "a", "b") == [0, 0]
    assert order(model) == ["a", "b"]


def test_two_visitors_after_one_do_not_beat_two_hundred_after_a_hundred() -> None:
    model = fit(
        visits("few", 1, YESTERDAY),
        visits("few", 2, TODAY),
        visits("many", 100, YESTERDAY),
        visits("many", 200, TODAY),
        min_support=0,
    )
    few, many = trend(model, "few", "many")
    assert many > few == 0


def test_when_the_whole_site_grows_alike_nothing_is_trending() -> None:
    items = [f"i{n}" for n in range(10)]
    both = [visits(item, 40, YESTERDAY) + visits(item, 80, TODAY) for item in items]
    assert max(trend(fit(*both), *items)) < 0.05
    outgrown = fit(*both, visits("hot", 40, YESTERDAY), visits("hot", 400, TODAY))
    assert order(outgrown)[0] == "hot"
    assert trend(outgrown, "hot")[0] > 0.5


def test_too_few_visitors_are_no_trend() -> None:
    two, three = fit(visits("a", 2, TODAY)), fit(visits("a", 3, TODAY))
    assert trend(two, "a") == [0]
    assert trend(three, "a")[0] > 0


def test_a_visitor_counts_once_in_a_window_however_often_they_come_back() -> None:
    again = [("one", "reloaded", TODAY - n * HOUR) for n in range(20)]
    model = fit(again, visits("liked", 5, TODAY))
    assert trend(model, "reloaded") == [0]
    current, before = model.recent.windows(NOW // HOUR)
    assert (current.tolist(), before.tolist()) == ([1, 5], [0, 0])


def test_a_later_now_moves_the_windows() -> None:
    model = fit(visits("steady", 50, NOW - 30 * DAY), visits("hit", 20, TODAY))
    assert trend(model, "hit")[0] > 0
    assert trend(model, "hit", now=NOW + 30 * HOUR) == [0]  # yesterday's hit only fell
    assert order(model, now=NOW + 30 * HOUR)[0] == "steady"


def test_each_window_counts_what_lies_in_it() -> None:
    steps = (0, 5, 23, 24, 30, 47)
    hour = (NOW // HOUR) * HOUR
    model = fit([("u", "a", hour - step * HOUR) for step in steps], visits("b", 1, hour))
    for later in range(60):
        current, before = model.recent.windows(NOW // HOUR + later)
        assert current[0] == any(step + later < 24 for step in steps)
        assert before[0] == any(24 <= step + later < 48 for step in steps)


def test_a_now_before_the_newest_event_is_answered_as_of_that_event() -> None:
    model = fit(visits("a", 9, TODAY), visits("b", 9, YESTERDAY))
    early, current = (model.score_catalogue(Context((), now)) for now in (NOW - 9 * DAY, NOW))
    assert (early == current).all()


def test_where_nothing_happened_lately_the_popular_come_first() -> None:
    model = fit(
        visits("old hit", 40, NOW - 100 * DAY), visits("last month", 30, NOW - 35 * DAY),
        visits("rare", 1, NOW - 35 * DAY),
    )  # fmt: skip
    assert order(model) == ["last month", "old hit", "rare"]
    assert trend(model, *model.item_ids) == [0, 0, 0]


def test_the_length_of_the_windows_is_a_setting() -> None:
    weekly = [*visits("a", 10, NOW - 10 * DAY), *visits("a", 40, NOW - 3 * DAY)]
    assert trend(fit(weekly), "a") == [0]
    assert trend(fit(weekly, window_hours=168), "a")[0] > 0


def test_what_is_older_than_two_windows_takes_no_memory() -> None:
    model = fit(visits("a", 500, NOW - 4 * DAY), visits("a", 3, TODAY))
    assert len(model.recent.step) == 3


@pytest.mark.parametrize("name", ["visits", "recent.item"])
def test_counts_without_sense_are_a_corrupt_artefact(name: str) -> None:
    model = fit(visits("a", 5, TODAY))
    wrong = {**model.arrays(), name: model.arrays()[name] - 9}
    with pytest.raises(CorruptArtefact, match=name):
        TrendingNow().load(model.card, wrong)


@pytest.mark.parametrize("name", ["window_hours", "popularity_half_life_days"])
@pytest.mark.parametrize("length", [1e-300, 1e300])
def test_any_length_above_zero_works(name: str, length: float) -> None:
    model = fit(visits("a", 5, TODAY), visits("b", 1, YESTERDAY), **{name: length})
    assert model.score_catalogue(Context((), NOW)).sum() == pytest.approx(1)


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_any_weight_of_popularity_gives_a_distribution(weight: float) -> None:
    for events in (visits("a", 9, TODAY), visits("a", 9, NOW - 9 * DAY)):
        scores = fit(events, popularity_weight=weight).score_catalogue(Context((), NOW))
        assert scores.sum() == pytest.approx(1)
