from typing import Any

import numpy as np
import pytest

from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import TrainingData
from pawsonalize.models.recipes.similar_items import (
    SimilarItems,
    SimilarItemsModel,
    SimilarItemsSettings,
)
from pawsonalize.testing.recipe_checks import (
    CONTEXTS,
    DAY,
    GROUPS,
    NOW,
    RecipeChecks,
    context,
    described,
    shop,
    training_data,
)

ITEMS = (
    "2-Beagle-1-1", "2-Beagle-1-3", "2-Beagle-2-3", "2-Boxer-1-1", "2-Boxer-2-3", "1-Manx-1-1"
)  # fmt: skip


class TestSimilarItems(RecipeChecks):
    recipe = RECIPES["similar-items"]
    excludes_newest = True


def fit(data: TrainingData, **changed: Any) -> SimilarItemsModel:
    return SimilarItems().fit(data, SimilarItemsSettings(**changed), 0)


def order(model: SimilarItemsModel, *items: str) -> list[str]:
    scores = model.score_catalogue(context(*items))
    return [model.item_ids[place] for place in np.argsort(-scores, kind="stable")]


def pairs(users: int, *items: str, time: int = NOW - DAY) -> list[tuple[str, str, int]]:
    """So many users who each chose all of the items."""
    return [
        (f"{items} {user}", item, time + place)
        for user in range(users)
        for place, item in enumerate(items)
    ]


def test_without_behaviour_the_same_breed_comes_first_then_size_and_age_then_species() -> None:
    model = fit(training_data([], ITEMS))
    assert order(model, ITEMS[0]) == [*ITEMS[1:], ITEMS[0]]
    same, alike, dog, cat = model.score(context(ITEMS[0]), [ITEMS[1], *ITEMS[3:]])
    assert same > alike > dog > 100 * cat > 0


def test_what_the_same_users_chose_comes_first() -> None:
    events = [*pairs(10, ITEMS[0], ITEMS[5]), *pairs(3, ITEMS[1]), *pairs(3, ITEMS[4])]
    assert order(fit(training_data(events, ITEMS)), ITEMS[0])[:2] == [ITEMS[5], ITEMS[1]]


def test_one_user_who_chose_both_does_not_outweigh_the_same_breed() -> None:
    one, many = (fit(training_data(pairs(n, ITEMS[0], ITEMS[5]), ITEMS)) for n in (1, 30))
    assert order(one, ITEMS[0])[0] == ITEMS[1]
    assert order(many, ITEMS[0])[0] == ITEMS[5]


def test_the_item_itself_is_never_among_its_similar_items() -> None:
    events = [*pairs(50, ITEMS[0]), *pairs(5, ITEMS[0], ITEMS[1])]
    model = fit(training_data(events, ITEMS), popularity_influence=1, freshness_influence=1)
    asked = [ITEMS[0], "2-Poodle-1-1"]
    for item in asked:
        scores = model.score(context(item), [*asked, *asked])
        assert [score > 0 for score in scores] == [item != other for other in [*asked, *asked]]
        assert not any(
            part[asked.index(item)] for part in model.contributions(context(item), asked).values()
        )


def test_only_the_newest_event_is_the_item_in_question() -> None:
    model = fit(shop())
    one, other = (
        model.score_catalogue(context(*items)) for items in (GROUPS[:1], (GROUPS[0], GROUPS[9]))
    )
    assert (one == other).all()


def test_an_item_outside_the_catalogue_is_compared_by_its_attributes() -> None:
    model = fit(training_data([], ITEMS))
    assert set(order(model, "2-Beagle-9-9")[:3]) == set(ITEMS[:3])
    assert order(model, "2-Poodle-2-3")[:2] == ["2-Beagle-2-3", "2-Boxer-2-3"]
    beagle, poodle = model.score(context(ITEMS[0]), ["2-Beagle-9-9", "2-Poodle-9-9"])
    assert beagle > poodle > 0


def test_an_item_that_nobody_has_touched_is_reached_by_its_attributes() -> None:
    events = pairs(20, ITEMS[3], ITEMS[4], ITEMS[5])
    model = fit(training_data(events, ITEMS))
    assert order(model, ITEMS[0])[:2] == list(ITEMS[1:3])
    assert model.score(context(ITEMS[3]), ITEMS).min() == 0  # the item itself
    assert (model.score(context(ITEMS[3]), [ITEMS[0], ITEMS[1]]) > 0).all()


def test_where_nothing_is_similar_the_popular_come_first() -> None:
    events = [*pairs(9, "hit"), *pairs(3, "known"), *pairs(1, "rare")]
    model = fit(training_data(events))
    for visitor in (context("no group"), Context((), NOW)):
        assert np.argsort(-model.score_catalogue(visitor)).tolist() == [0, 1, 2]
    assert order(model, "hit")[0] == "known"


def test_popularity_influence_moves_popular_items_up() -> None:
    events = [*pairs(40, ITEMS[4]), *pairs(2, ITEMS[1])]
    data = training_data(events, ITEMS)
    places = [
        order(fit(data, popularity_influence=influence), ITEMS[0]).index(ITEMS[4])
        for influence in (0, 0.5, 1)
    ]
    assert places == sorted(places, reverse=True)
    assert (places[0], places[2]) == (3, 1)


def test_without_influence_similarity_alone_decides_however_popular_others_are() -> None:
    data = training_data(pairs(1000, ITEMS[3]), ITEMS)
    assert order(fit(data), ITEMS[0])[2] == ITEMS[3]


def test_freshness_influence_moves_new_and_untouched_items_up() -> None:
    old, new, untouched = ITEMS[1], ITEMS[2], "2-Beagle-3-3"
    events = [*pairs(3, old, time=NOW - 300 * DAY), *pairs(3, old), *pairs(1, new)]
    data = training_data(events, [*ITEMS, untouched])
    assert order(fit(data), ITEMS[0])[0] == old
    fresh = fit(data, freshness_influence=1)
    assert set(order(fresh, ITEMS[0])[:2]) == {new, untouched}
    later = fresh.score_catalogue(context(ITEMS[0], now=NOW + 300 * DAY))
    assert fresh.score_catalogue(context(ITEMS[0]))[2] > later[2]


def test_every_influence_has_its_own_part() -> None:
    model = fit(shop(), popularity_influence=0.5, freshness_influence=0.5)
    asked = [*GROUPS, "2-Poodle-1-1", "?"]
    for visitor in CONTEXTS[1:3]:
        parts = model.contributions(visitor, asked)
        assert all(part.any() and (part >= 0).all() for part in parts.values())
        total = np.sum(list(parts.values()), axis=0)
        np.testing.assert_allclose(total, model.score(visitor, asked), rtol=1e-5)


def test_attributes_of_other_catalogues_count_in_their_order() -> None:
    attributes = described([("a", "x"), ("a", "y"), ("b", "x"), (None, None)], ("genre", "studio"))
    model = fit(training_data([], ["1", "2", "3", "4"], attributes))
    assert order(model, "1") == ["2", "3", "4", "1"]
    assert order(model, "4") == ["1", "2", "3", "4"]


@pytest.mark.parametrize("influence", [0.0, 1.0])
def test_all_settings_at_their_lowest_still_give_a_distribution(influence: float) -> None:
    model = fit(
        shop(), related_items_weight=0, related_items_level_fade=0, neighbours=0, covisit_history=0,
        covisit_shrinkage=0, popularity_influence=influence, freshness_influence=influence,
    )  # fmt: skip
    for visitor in CONTEXTS:
        assert model.score_catalogue(visitor).sum() == pytest.approx(1, abs=1e-5)


def test_a_model_takes_other_influences_as_if_it_had_been_trained_with_them() -> None:
    trained = fit(shop(), popularity_influence=0.2)
    both = fit(shop(), popularity_influence=0.2, freshness_influence=0.7)
    one = fit(shop(), popularity_influence=1.0)
    for visitor in CONTEXTS:
        before = trained.score_catalogue(visitor)
        for changed, same in [
            (trained.influenced(None, None), trained),
            (trained.influenced(None, 0.7), both),
            (trained.influenced(1.0, 0.0), one),
        ]:
            assert (changed.score_catalogue(visitor) == same.score_catalogue(visitor)).all()
        assert (trained.score_catalogue(visitor) == before).all(), "it stays as it is"
