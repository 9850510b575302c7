"""Ranges: what tuning may try."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.baselines import BaselineSettings
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.popularity_count import PopularityCountSettings
from pawsonalize.models.recipes.settings import Range, points, tunable
from pawsonalize.models.recipes.user_personalization import UserPersonalizationSettings

ENDS = st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)).map(sorted)


@given(ENDS, st.floats(0, 1), st.booleans())
def test_every_share_of_a_range_lies_between_its_ends(
    ends: list[float], share: float, log: bool
) -> None:
    low, high = ends
    assert low * (1 - 1e-9) <= Range(low, high, log).at(share) <= high * (1 + 1e-9)


def test_half_of_a_logarithmic_range_lies_below_the_geometric_mean() -> None:
    assert Range(1.0, 100.0, log=True).at(0.5) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("low", "high", "log"),
    [(2.0, 1.0, False), (0.0, 1.0, True), (float("nan"), 1.0, False), (0.0, float("inf"), False)],
)
def test_a_range_that_is_none_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(InvalidInput, match="range"):
        Range(low, high, log)


def test_every_recipe_names_ranges_around_its_defaults_and_takes_their_ends(
    subtests: pytest.Subtests,
) -> None:
    for recipe in RECIPES:
        with subtests.test(recipe=recipe):
            defaults = RECIPES[recipe].settings()
            ranges = tunable(type(defaults))
            assert ranges or type(defaults) is BaselineSettings  # which has no number
            for name, limits in ranges.items():
                assert limits.low <= getattr(defaults, name) <= limits.high
            for end in ("low", "high"):
                replace(defaults, **{name: getattr(limits, end) for name, limits in ranges.items()})


def test_a_draft_leaves_out_only_what_is_costly_to_learn() -> None:
    settings = UserPersonalizationSettings(doubt=0.7)
    assert settings.draft() == replace(settings, learn=False, classes=0)
    plain = PopularityCountSettings(half_life_days=3.0)
    assert plain.draft() is plain


def test_points_are_the_same_for_the_same_seed_and_a_short_search_begins_a_long_one() -> None:
    ranges = tunable(UserPersonalizationSettings)

    def drawn(count: int, seed: int) -> list[dict[str, object]]:
        return list(islice(points(UserPersonalizationSettings, ranges, seed), count))

    assert drawn(5, seed=3) == drawn(9, seed=3)[:5]
    assert drawn(5, seed=3) != drawn(5, seed=4)


def test_points_fill_a_range_more_evenly_than_chance() -> None:
    drawn = islice(points(PopularityCountSettings, {"half_life_days": Range(0.0, 8.0)}, 1), 16)
    assert {int(point["half_life_days"]) for point in drawn} == set(range(8))


def test_a_whole_setting_gets_whole_numbers() -> None:
    kind = UserPersonalizationSettings
    assert {field.name for field in fields(kind)} >= {"window"}
    drawn = islice(points(kind, {"window": Range(2, 12)}, 0), 20)
    assert all(isinstance(point["window"], int) for point in drawn)
