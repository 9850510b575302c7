import numpy as np
import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)
from pawsonalize.testing.recipe_checks import (
    CONTEXTS,
    DAY,
    GROUPS,
    NOW,
    RecipeChecks,
    context,
    shop,
    training_data,
)

SETTINGS = UserPersonalizationSettings()


class TestUserPersonalization(RecipeChecks):
    recipe = RECIPES["user-personalization"]
    learns = True


@pytest.fixture(scope="module")
def model() -> UserPersonalizationModel:
    return UserPersonalization().fit(shop(), SETTINGS, 0)


def untouched() -> UserPersonalizationModel:
    """Only attributes are known: nobody has ever chosen anything."""
    return UserPersonalization().fit(training_data([], GROUPS), SETTINGS, 0)


def scores(model: UserPersonalizationModel, visitor: Context, *items: str) -> list[float]:
    listed: list[float] = model.score(visitor, items).tolist()
    return listed


def test_one_event_changes_the_answer(model: UserPersonalizationModel) -> None:
    before = model.score_catalogue(Context((), NOW))
    after = model.score_catalogue(context(GROUPS[5]))
    assert np.abs(after - before).sum() > 0.5


def test_what_followed_an_item_is_lifted_and_its_predecessor_less() -> None:
    events = [(f"u{u}", item, NOW - DAY + t) for u in range(5) for t, item in enumerate("abc")]
    model = UserPersonalization().fit(
        training_data(events, "abcz"), UserPersonalizationSettings(covisit_weight=0), 0
    )
    before, after, never = scores(model, context("b"), "a", "c", "z")
    assert after > before > never > 0


def test_liking_a_small_young_dog_lifts_small_young_dogs_and_its_breed_most() -> None:
    visitor = context("2-Beagle-1-1")
    breed, alike, dog, cat = scores(
        untouched(), visitor, "2-Beagle-1-3", "2-Boxer-1-1", "2-Boxer-2-3", "1-Manx-1-1"
    )
    assert breed > alike > dog > cat > 0


def test_an_item_outside_the_catalogue_steers_by_its_attributes() -> None:
    visitor = context("2-Beagle-1-9")
    breed, dog, cat = scores(untouched(), visitor, "2-Beagle-2-3", "2-Boxer-2-3", "1-Manx-1-1")
    assert breed > dog > cat
    poodle, cat = scores(untouched(), context("2-Poodle-1-1"), "2-Boxer-1-1", "1-Manx-1-1")
    assert poodle > cat


def test_an_outside_item_of_the_visitors_own_is_worth_returning_to() -> None:
    own, other = scores(untouched(), context("2-Beagle-1-9"), "2-Beagle-1-9", "2-Beagle-1-8")
    assert own > other > 0


def test_the_breeds_that_follow_a_breed_are_learned() -> None:
    events = [
        (f"u{user}", f"{breed}-{size}-1", NOW - DAY + step)
        for user in range(8)
        for step, (breed, size) in enumerate((("2-Husky", user % 2), ("2-Malamute", user % 3)))
    ]
    groups = ["2-Husky-9-9", "2-Malamute-9-9", "2-Pug-9-9"]
    model = UserPersonalization().fit(training_data(events, groups), SETTINGS, 0)
    malamute, pug = scores(model, context("2-Husky-9-9"), "2-Malamute-9-9", "2-Pug-9-9")
    assert malamute > pug


def test_an_untouched_item_keeps_a_chance(model: UserPersonalizationModel) -> None:
    for visitor in CONTEXTS:
        assert model.score_catalogue(visitor).min() > 0


def test_where_visitors_return_to_what_they_saw_it_comes_first() -> None:
    events = [
        (f"u{user}", GROUPS[(user + step // 2) % 20], NOW - DAY + step)
        for user in range(20)
        for step in range(6)
    ]
    model = UserPersonalization().fit(training_data(events, GROUPS), SETTINGS, 0)
    assert model.card.extra["repeat_share"] > 0.4
    assert int(model.score_catalogue(context(GROUPS[4])).argmax()) == 4


def test_where_nobody_returns_the_visitors_own_items_are_not_put_first() -> None:
    events = [
        (f"u{user}", f"i{(user + step) % 50}", NOW - DAY + step)
        for user in range(50)
        for step in range(40)
    ]
    model = UserPersonalization().fit(training_data(events), SETTINGS, 0)
    assert model.card.extra["repeat_share"] < 0.01
    own, next_one = scores(model, context("i4"), "i4", "i5")
    assert next_one > own


def test_the_newest_event_counts_most() -> None:
    first, second = "2-Beagle-1-1", "1-Manx-2-3"
    dog, cat = scores(untouched(), context(first, second), "2-Beagle-2-1", "1-Manx-1-3")
    assert dog > cat
    dog, cat = scores(untouched(), context(second, first), "2-Beagle-2-1", "1-Manx-1-3")
    assert dog < cat


def test_an_adoption_says_more_than_a_view_and_an_unknown_type_is_a_view() -> None:
    related = "2-Beagle-2-1"
    ladder = ["view", "favorite", "inquiry", "application", "adoption"]
    found = [
        scores(untouched(), context("2-Beagle-1-1", kind=kind), related)[0]
        for kind in [*ladder, "swiped"]
    ]
    assert found[:5] == sorted(found[:5])
    assert found[0] < found[4]
    assert found[5] == found[0]


def test_an_interest_fades_with_the_time_to_now() -> None:
    related = "2-Beagle-2-1"
    fresh, old, ancient = (
        scores(untouched(), context("2-Beagle-1-1", age=age * DAY), related)[0]
        for age in (0, 100, 10_000)
    )
    assert fresh > old > ancient
    assert ancient == pytest.approx(1 / len(GROUPS), rel=1e-3)


def test_reloading_a_page_does_not_erase_what_came_before() -> None:
    once, often = (
        scores(untouched(), context(*["1-Manx-1-1"] * views, "2-Beagle-1-1"), "2-Beagle-2-3")[0]
        for views in (1, 30)
    )
    assert often > 0.6 * once


def test_contributions_add_up_to_the_scores(model: UserPersonalizationModel) -> None:
    asked = [*GROUPS, "2-Poodle-1-1", "?"]
    for visitor in CONTEXTS:
        parts = model.contributions(visitor, asked)
        assert all((part >= 0).all() for part in parts.values())
        total = np.sum(list(parts.values()), axis=0)
        np.testing.assert_allclose(total, model.score(visitor, asked), rtol=1e-6)


def test_reasons_name_the_table_that_knows() -> None:
    asked = ["2-Beagle-2-1", "1-Manx-1-1"]
    parts = untouched().contributions(context("2-Beagle-1-1"), asked)
    assert not parts["transitions"].any()
    assert not parts["own history"].any()
    assert parts["related items"][0] > 0 == parts["related items"][1]
    assert parts["popularity"][0] == parts["popularity"][1] > 0


def test_weights_of_more_than_the_whole_are_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 1"):
        UserPersonalizationSettings(transition_weight=0.7, related_items_weight=0.4)


def test_all_settings_at_their_lowest_still_give_a_distribution() -> None:
    lowest = UserPersonalizationSettings(
        transition_weight=0, covisit_weight=0, related_items_weight=0, view_weight=0,
        favorite_weight=0,
        history_decay=0, gap_decay=0, backward_weight=0, window=0, neighbours=0,
        related_items_prior=0,
        covisit_history=0, covisit_shrinkage=0, context_events=0, count_power=0,
    )  # fmt: skip
    model = UserPersonalization().fit(shop(), lowest, 0)
    for visitor in CONTEXTS:
        assert model.score_catalogue(visitor).sum() == pytest.approx(1, abs=1e-5)
