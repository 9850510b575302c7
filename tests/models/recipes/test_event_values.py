"""Values that weigh, and events that speak against an item."""

import numpy as np
import pytest
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact, InvalidInput
from pawsonalize.models.recipes.contract import Context, ContextEvent
from pawsonalize.models.recipes.counts.counting import counts_of
from pawsonalize.models.recipes.data import Returned, TrainingData
from pawsonalize.models.recipes.user_personalization import (
    UserPersonalization,
    UserPersonalizationModel,
    UserPersonalizationSettings,
)
from pawsonalize.testing.recipe_checks import CONTEXTS, GROUPS, NOW, context, shop, walks
from pawsonalize.testing.recipe_checks import WALKED as ITEMS
from tests.models.recipes.test_learned import SETTINGS

NOBODY = Context((), NOW)


def fitted(data: TrainingData, **settings: float | str) -> UserPersonalizationModel:
    chosen = replace(UserPersonalizationSettings(), **settings)
    return UserPersonalization().fit(data, chosen, 0)


def came_back(data: TrainingData, item: int, times: int = 1) -> TrainingData:
    moments = np.full(times, NOW - 1000, np.int64)
    return replace(data, returned=Returned(np.full(times, item, np.int32), moments))


@pytest.mark.parametrize("times", [1, 10, 100_000])
def test_what_came_back_is_less_likely_for_everybody_but_never_impossible(times: int) -> None:
    before, after = fitted(shop()), fitted(came_back(shop(), 4, times))
    for visitor in CONTEXTS:
        less = after.score_catalogue(visitor)
        assert 0 < less[4] < before.score_catalogue(visitor)[4]
        assert np.isfinite(less).all()
        assert less.sum() == pytest.approx(1, abs=1e-5)
        parts = after.contributions(visitor, GROUPS)
        np.testing.assert_allclose(np.sum(list(parts.values()), axis=0), less, rtol=1e-5)


def test_a_dislike_speaks_against_its_item_for_everybody_less_than_a_return_does() -> None:
    disliked = Returned(np.full(3, 4, np.int32), np.full(3, NOW - 1000, np.int64))
    before, returned = fitted(shop()), fitted(came_back(shop(), 4, 3))
    data = replace(shop(), disliked=disliked)
    after, deaf = fitted(data), fitted(data, dislike_weight=0.0)
    for visitor in CONTEXTS:
        less = after.score_catalogue(visitor)[4]
        assert returned.score_catalogue(visitor)[4] < less < before.score_catalogue(visitor)[4]
        assert deaf.score_catalogue(visitor)[4] == before.score_catalogue(visitor)[4]
    assert counts_of(data).summary.fingerprint != counts_of(shop()).summary.fingerprint


def test_a_learned_ranker_lowers_it_too_and_says_why() -> None:
    visitor, place = context(*ITEMS[21:18:-1]), ITEMS.index(ITEMS[22])
    before = UserPersonalization().fit(walks(), SETTINGS, 3)
    after = UserPersonalization().fit(came_back(walks(), place, 3), SETTINGS, 3)
    assert after.learned is not None
    assert after.score_catalogue(visitor)[place] < before.score_catalogue(visitor)[place]
    assert after.contributions(visitor, [ITEMS[22]])["returns"][0] < 0


def test_returns_without_any_event_are_no_crash() -> None:
    empty = replace(shop(), **{
        name: getattr(shop(), name)[:0] for name in ("user", "item", "event_type", "value", "time")
    })  # fmt: skip
    scores = fitted(came_back(empty, 4)).score_catalogue(NOBODY)
    assert 0 < scores[4] < scores[5]


def test_a_stored_model_knows_what_came_back() -> None:
    model = fitted(came_back(shop(), 4))
    arrays = model.arrays()
    again = UserPersonalization().load(model.card, arrays)
    assert (again.score_catalogue(NOBODY) == model.score_catalogue(NOBODY)).all()
    for name in ("returns.chosen", "returns.returned"):
        others = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(CorruptArtefact):
            UserPersonalization().load(model.card, others)


def rated(value: float | None, item: str = GROUPS[8]) -> Context:
    return Context((ContextEvent(item, "view", NOW - 1000, value),), NOW)


def test_a_value_weighs_where_the_settings_say_so() -> None:
    related = GROUPS.index(GROUPS[9])
    deaf, told = fitted(shop()), fitted(shop(), value_weighted_events="rating, view")

    def score(model: UserPersonalizationModel, value: float | None) -> float:
        return float(model.score_catalogue(rated(value))[related])

    assert score(deaf, 5.0) == score(deaf, 0.1) == score(deaf, None)
    assert score(told, 5.0) > score(told, None) == score(told, 1.0) > score(told, 0.1)
    assert score(told, 1e30) == score(told, 10.0)
    assert score(told, -3.0) == score(told, 0.0)


def test_values_weigh_in_training_as_in_answers() -> None:
    data = shop()
    steps = replace(data, value=np.where(data.user % 2, 5.0, 0.0).astype(np.float32))
    plain, told = fitted(data), fitted(steps, value_weighted_events="favorite")
    assert (fitted(steps).score_catalogue(NOBODY) == plain.score_catalogue(NOBODY)).all()
    assert told.mixture.transitions.values.tobytes() != plain.mixture.transitions.values.tobytes()


def test_weights_of_other_event_types_are_numbers_from_0() -> None:
    for wrong in ("Watch=2", '["Watch"]', '{"Watch": -1}', '{"Watch": "much"}'):
        with pytest.raises(InvalidInput, match="must be JSON such as"):
            UserPersonalizationSettings(other_event_weights=wrong)


def test_event_types_with_values_are_text() -> None:
    with pytest.raises(InvalidInput, match="must be text"):
        UserPersonalizationSettings(value_weighted_events=3)  # type: ignore[arg-type]
