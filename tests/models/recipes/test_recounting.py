"""Counting anew under what was learned: the counts are those of a training on the same data."""

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.models.recipes.catalogue import recipe_named, refreshed
from pawsonalize.models.recipes.counts.counting import counts_of
from pawsonalize.models.recipes.data import FOREVER, Facets, StayColumns, TrainingData
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)
from pawsonalize.testing.recipe_checks import NOW, context, shop, training_data, walks
from pawsonalize.testing.recipe_checks import WALKED as ITEMS

SETTINGS = UserPersonalizationSettings(trees=2, candidates=10, max_requests=310)
LEARNED = {"source", "targets", "linear.columns", "linear.numbers", "trees"}
NEW = "2-Breed1-9-9"


def more_walks() -> TrainingData:
    """Forty more visitors, two weeks later, who walk backwards and by a new item."""
    old = walks()
    events = [
        (f"u{user}", old.item_ids[item], time)
        for user, item, time in zip(
            old.user.tolist(), old.item.tolist(), old.time.tolist(), strict=True
        )
    ]
    for user in range(40):
        steps = [ITEMS[(user - step) % 60] for step in range(6)]
        events += [(f"n{user}", item, NOW - 9000 + step) for step, item in enumerate([*steps, NEW])]
    return training_data(events, [NEW, *dict.fromkeys(reversed(ITEMS))])


@pytest.fixture(scope="module")
def learned() -> UserPersonalizationModel:
    return UserPersonalization().fit(walks(), SETTINGS, 3)


@pytest.fixture(scope="module")
def fresh(learned: UserPersonalizationModel) -> UserPersonalizationModel:
    return learned.refreshed(more_walks())


@pytest.mark.parametrize("name", ["user-personalization", "personalized-ranking"])
def test_where_nothing_is_learned_it_is_a_training_on_the_same_data(name: str) -> None:
    recipe = recipe_named(name)
    settings = recipe.settings(learn=False, window=4, classes=0)
    whole = recipe.fit(more_walks(), settings, 3)
    before = recipe.fit(walks(), settings, 3)
    after = refreshed(before, more_walks())
    assert after.arrays().keys() == whole.arrays().keys()
    for array_name, array in whole.arrays().items():
        assert array.tobytes() == after.arrays()[array_name].tobytes(), array_name
    assert after.card.extra["repeat_share"] == whole.card.extra["repeat_share"]


def test_what_was_learned_stays_and_every_count_is_that_of_a_training(
    learned: UserPersonalizationModel, fresh: UserPersonalizationModel
) -> None:
    whole = UserPersonalization().fit(more_walks(), SETTINGS, 3).arrays()
    old = learned.arrays()
    classes = {name for name in old if name.startswith("classes.")}
    assert classes
    stays = {f"learned.{name}" for name in LEARNED} | classes
    for name, array in fresh.arrays().items():
        if name not in stays:
            assert array.tobytes() == whole[name].tobytes(), name
    for name in stays - {"learned.source", "learned.targets"}:
        assert fresh.arrays()[name].tobytes() == old[name].tobytes(), name
    place = learned.index.position
    source = fresh.arrays()["learned.source"]
    assert not source[fresh.index.position[NEW]].any()
    for item in ITEMS:
        assert (source[fresh.index.position[item]] == old["learned.source"][place[item]]).all()


def test_it_scores_by_the_new_counts_and_new_items_too(
    learned: UserPersonalizationModel, fresh: UserPersonalizationModel
) -> None:
    visitor = context(ITEMS[21], ITEMS[22], ITEMS[23])
    back = ITEMS[20]
    assert fresh.score(visitor, [back])[0] > learned.score(visitor, [back])[0]
    scores = fresh.score_catalogue(visitor)
    assert scores.sum() == pytest.approx(1, abs=1e-5)
    assert scores[fresh.index.position[NEW]] > 0


def test_again_and_again_is_as_good_as_once(
    learned: UserPersonalizationModel, fresh: UserPersonalizationModel
) -> None:
    again = learned.refreshed(shop_like()).refreshed(more_walks())
    assert len(fresh.arrays()) > 2
    for name, array in fresh.arrays().items():
        if name not in ("learned.source", "learned.targets"):
            assert array.tobytes() == again.arrays()[name].tobytes(), name


def shop_like() -> TrainingData:
    """Other data in between, over the same items."""
    data = walks()
    return replace(data, item=np.roll(data.item, 7))


def test_a_fresh_model_survives_storage(fresh: UserPersonalizationModel) -> None:
    stored = UserPersonalization().load(fresh.card, fresh.arrays())
    visitor = context(*ITEMS[5:1:-1], NEW)
    assert (stored.score_catalogue(visitor) == fresh.score_catalogue(visitor)).all()


def test_the_card_says_what_was_counted_and_what_was_learned_on(
    learned: UserPersonalizationModel, fresh: UserPersonalizationModel
) -> None:
    assert fresh.card.fingerprint == counts_of(more_walks()).summary.fingerprint
    assert fresh.card.extra["learned_on"] == learned.card.fingerprint
    again = fresh.refreshed(walks())
    assert again.card.extra["learned_on"] == learned.card.fingerprint


def told(data: TrainingData) -> TrainingData:
    """The same data, where every event tells of a device."""
    codes = np.arange(len(data), dtype=np.int32)[:, np.newaxis] % 2
    return replace(data, facets=Facets(("user.DEVICE",), (("phone", "desk"),), codes))


def stocked(data: TrainingData) -> TrainingData:
    """The same data, where one animal became known."""
    stock = StayColumns(np.array([0], np.int32), np.array([0]), np.array([FOREVER]))
    return replace(data, stays=stock)


@pytest.mark.parametrize("changed", [told, stocked])
def test_a_feature_that_came_later_is_unknown_to_the_ranker_and_no_error(
    learned: UserPersonalizationModel, changed: Callable[[TrainingData], TrainingData]
) -> None:
    visitor, asked = context(*ITEMS[5:1:-1]), ITEMS[:9]
    fresh, plain = learned.refreshed(changed(walks())), learned.refreshed(walks())
    assert fresh.learned is not None
    assert plain.learned is not None
    found, usual = (one.learned.ask(visitor, ()) for one in (fresh, plain) if one.learned)
    assert found is not None
    assert usual is not None
    assert (found.x == usual.x).all()
    assert (found.utilities == usual.utilities).all()
    parts = fresh.contributions(visitor, asked)
    assert all(np.isfinite(values).all() for values in parts.values())


def test_with_later_features_it_survives_storage_and_forgets_them_again(
    learned: UserPersonalizationModel,
) -> None:
    visitor = context(*ITEMS[5:1:-1])
    later = learned.refreshed(told(walks()))
    stored = UserPersonalization().load(later.card, later.arrays())
    assert (stored.score_catalogue(visitor) == later.score_catalogue(visitor)).all()
    again = stored.refreshed(walks())
    assert (again.score_catalogue(visitor) == learned.score_catalogue(visitor)).all()


def test_a_feature_that_is_gone_says_nothing() -> None:
    model = UserPersonalization().fit(told(walks()), SETTINGS, 3)
    fresh = model.refreshed(walks())
    scores = fresh.score_catalogue(context(*ITEMS[5:1:-1]))
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_a_ranker_that_does_not_name_its_features_knows_those_of_its_tables(
    learned: UserPersonalizationModel,
) -> None:
    numbers = {k: v for k, v in learned.card.extra["learned"].items() if k != "features"}
    old = replace(learned.card, extra={**learned.card.extra, "learned": numbers})
    stored = UserPersonalization().load(old, learned.arrays())
    visitor = context(*ITEMS[5:1:-1])
    assert (stored.score_catalogue(visitor) == learned.score_catalogue(visitor)).all()


def test_next_to_no_data_can_be_counted_anew() -> None:
    model = UserPersonalization().fit(training_data([]), UserPersonalizationSettings(), 0)
    assert model.refreshed(shop()).item_ids == shop().item_ids
    assert model.refreshed(shop()).refreshed(training_data([])).item_ids == ()
