"""The model of choices is kept only if it helps, and comes back from the disk as it was."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.choices.effects import FACTORS, usual_attention
from pawsonalize.models.recipes.choices.model import MIN_OPENED, UNFITTED, ChoiceModel, fit_choices
from tests.models.recipes.choices.simulated import Truth, World, drawn

WORLD = World(pages=800, appeal={"size": 0.8, "animal": 0.4}, explored=0.02)


def fit(truth: Truth) -> ChoiceModel:
    return fit_choices(truth.shown, truth.names, pages=WORLD.pages)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return drawn(WORLD)


@pytest.fixture(scope="module")
def model(truth: Truth) -> ChoiceModel:
    return fit(truth)


def test_a_model_names_what_it_learned(truth: Truth, model: ChoiceModel) -> None:
    assert model.is_fitted
    assert (model.pages, model.opened) == (WORLD.pages, int(truth.shown.opened.sum()))
    assert model.better_by > 0
    sizes = model.levels["size"]
    best = truth.names.traits["size"][int(np.argmax(truth.levels["size"]))]
    assert max(sizes, key=lambda name: sizes[name]) == best
    assert model.counts.keys() == set(truth.names.animals)
    assert sum(count.opened for count in model.counts.values()) == model.opened
    assert model.weights.keys() == FACTORS.keys()


def test_without_enough_explored_places_attention_stays_at_its_documented_default(
    truth: Truth, model: ChoiceModel
) -> None:
    assert truth.shown.explored.sum() < 500
    assert not model.attention_learned
    assert model.attention == pytest.approx(usual_attention(), abs=1e-6)


def test_with_enough_explored_places_attention_is_learned() -> None:
    explored = fit(drawn(replace(WORLD, explored=0.1, fades=1.2)))
    assert explored.attention_learned
    assert sum(explored.attention[1:12]) < usual_attention(12)[1:].sum() * 0.7


def test_too_few_openings_teach_nothing(truth: Truth) -> None:
    shown = truth.shown
    few = np.flatnonzero(np.cumsum(shown.opened) < MIN_OPENED)
    assert fit_choices(shown.take(few), truth.names, pages=9) is UNFITTED


def test_a_model_that_does_not_predict_the_newest_pages_better_is_not_kept(truth: Truth) -> None:
    shown = truth.shown
    newest = np.arange(len(shown)) >= len(shown) * 0.9
    disliked = -truth.levels["size"][shown.traits["size"][shown.animal]]
    turned = np.random.default_rng(0).random(len(shown)) < 0.05 * np.exp(3 * disliked)
    another = msgspec.structs.replace(shown, opened=np.where(newest, turned, shown.opened))
    assert fit_choices(another, truth.names, pages=9) is UNFITTED


def test_the_same_pages_give_the_same_model_bit_for_bit(truth: Truth, model: ChoiceModel) -> None:
    assert fit(truth) == model


def test_a_model_comes_back_from_its_array_as_it_was(model: ChoiceModel) -> None:
    arrays = model.arrays()
    assert ChoiceModel.of_arrays(arrays) == model
    assert ChoiceModel.of_arrays({}) == UNFITTED
    assert UNFITTED.arrays() == {}


@pytest.mark.parametrize("damage", ["cut", "flipped", "other types"])
def test_a_damaged_array_is_a_corrupt_artefact(model: ChoiceModel, damage: str) -> None:
    (name,) = model.arrays()
    whole = model.arrays()[name]
    damaged = {
        "cut": whole[: len(whole) // 2],
        "flipped": np.concatenate([whole[:1] ^ 0xFF, whole[1:]]),
        "other types": np.frombuffer(msgspec.json.encode({"pages": "many"}), np.uint8),
    }
    with pytest.raises(CorruptArtefact, match="model of choices cannot be read"):
        ChoiceModel.of_arrays({name: damaged[damage]})


def test_waiting_adds_up_to_at_least_nothing_whatever_leads_to_asking() -> None:
    turned = msgspec.structs.replace(UNFITTED, inquiry_weights={"waiting": -3.0, "distance": 0.5})
    assert turned.weight("waiting") == 0.0
    assert turned.weight("distance") == UNFITTED.weights["distance"] + 0.5


@pytest.mark.parametrize(("name", "sign"), [("relevance", 1), ("quiz", -1)])
def test_the_weight_of_what_visitors_say_is_learned_where_that_predicts_the_newest_better(
    truth: Truth, name: str, sign: int
) -> None:
    usual = FACTORS[name][0]

    def weight(told: np.ndarray) -> float:
        factors = {**truth.shown.factors, name: sign * told}
        shown = msgspec.structs.replace(truth.shown, factors=factors)
        return fit_choices(shown, truth.names, pages=WORLD.pages).weights[name]

    assert weight(np.zeros(len(truth.shown))) == usual, "nobody said anything"
    chance = 3 * np.random.default_rng(0).random(len(truth.shown))
    assert weight(chance) < usual / 2, "what was said has no part in these choices"
