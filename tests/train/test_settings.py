"""A recipe's settings, from text and from what a solution says of events."""

from typing import get_type_hints

import msgspec
import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.resources.solutions import Cut, EventParameters, SolutionVersion, TrainingSelection
from pawsonalize.train.solutions import read_settings, trained_settings


class Settings(msgspec.Struct, frozen=True):
    days: float = 30.0
    rounds: int = 3
    exact: bool = False

    def __post_init__(self) -> None:
        if self.days <= 0:
            raise InvalidInput("days must be above 0", field="days")


def test_settings_are_read_from_text_as_the_command_line_has_it() -> None:
    assert read_settings(Settings, {}) == Settings()
    given = {"days": "7.5", "rounds": "4", "exact": "true"}
    assert read_settings(Settings, given) == Settings(7.5, 4, True)


def test_a_wrong_setting_is_named(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"day": 1}, "there are days, rounds, exact"),
        ({"rounds": "1.5"}, "rounds"),
        ({"days": "many"}, "days"),
        ({"days": None}, "days"),
        ({"exact": "perhaps"}, "exact"),
        ({"days": "-1"}, "days must be above 0"),
    ]
    for given, message in cases:
        with (
            subtests.test(given=given, message=message),
            pytest.raises(InvalidInput, match=message),
        ):
            read_settings(Settings, given)


def test_no_recipe_takes_a_setting_that_is_no_number(subtests: pytest.Subtests) -> None:
    for recipe in RECIPES:
        for value in ["nan", "inf", "-1", ""]:
            with subtests.test(recipe=recipe, value=value):
                kind = RECIPES[recipe].settings
                numbers = [
                    field.name
                    for field in msgspec.structs.fields(kind)
                    if get_type_hints(kind)[field.name] is float
                ]
                for name in numbers:
                    with pytest.raises(InvalidInput):
                        read_settings(kind, {name: value})


def test_the_weights_of_a_solutions_events_are_the_recipes_and_win_over_its_settings() -> None:
    events = (EventParameters("view", weight=0.25), EventParameters("adoption"))
    version = SolutionVersion(
        name="v1",
        solution="s",
        recipe="user-personalization",
        settings={"view_weight": 9, "inquiry_weight": 7},
        selection=TrainingSelection(events),
        cut=Cut(0, 0),
    )
    weights = trained_settings(version).event_weights.of_type
    assert (weights["view"], weights["inquiry"], weights["adoption"]) == (0.25, 7, 5)


def test_values_weigh_where_the_event_parameters_say_so() -> None:
    version = SolutionVersion(
        name="v1",
        solution="s",
        recipe="user-personalization",
        selection=TrainingSelection((EventParameters("rating", value_weighting=True),)),
        cut=Cut(0, 0),
    )
    assert trained_settings(version).event_weights.valued == {"rating"}
    deaf = msgspec.structs.replace(version, recipe="popularity-count")
    with pytest.raises(InvalidInput, match="leave value_weighting out"):
        trained_settings(deaf)


def test_a_weight_is_that_of_what_the_type_means_and_two_of_one_meaning_must_agree() -> None:
    version = SolutionVersion(
        name="v1",
        solution="s",
        recipe="user-personalization",
        selection=TrainingSelection(
            (
                EventParameters("Purchase", weight=8, value_weighting=True),
                EventParameters("GoldStar", weight=3, meaning="favorite"),
                EventParameters("dislike", weight=2),
            )
        ),
        cut=Cut(0, 0),
    )
    found = trained_settings(version)
    weights = found.event_weights
    assert (weights.of_type["adoption"], weights.of_type["favorite"]) == (8, 3)
    assert (found.dislike_weight, weights.valued) == (2, {"adoption"})
    two = (EventParameters("Click", weight=1), EventParameters("DetailView", weight=2))
    torn = msgspec.structs.replace(version, selection=TrainingSelection(two))
    with pytest.raises(InvalidInput, match="Click and DetailView both mean view"):
        trained_settings(torn)
