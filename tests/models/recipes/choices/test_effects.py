"""What is drawn from a known truth is found again."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs
from scipy.special import expit

from pawsonalize.core.errors import TrainingFailed
from pawsonalize.models.recipes.choices import fit
from pawsonalize.models.recipes.choices.effects import (
    ANIMAL,
    Effects,
    mean_chances,
    usual_attention,
)
from pawsonalize.models.recipes.choices.fit import fit_effects
from pawsonalize.models.recipes.choices.model import choice_effects, fit_choices
from pawsonalize.models.recipes.choices.own_effects import VISITOR_VARIANCES, animal_effects
from pawsonalize.models.recipes.choices.visitor_variances import VisitorPairs
from tests.models.recipes.choices.simulated import PLACES, Truth, World, drawn

WORLD = World(pages=5_000, appeal={"size": 0.6, "age": 0.4, "animal": 0.5}, explored=0.1, fades=1.0)


def fitted(truth: Truth, *, learn_attention: bool = True) -> Effects:
    shown = truth.shown
    return fit_effects(shown, shown.opened, usual_attention(), learn_attention=learn_attention)


@pytest.fixture(scope="module")
def truth() -> Truth:
    return drawn(WORLD)


@pytest.fixture(scope="module")
def found(truth: Truth) -> Effects:
    return fitted(truth)


def test_weights_and_the_values_of_traits_are_near_the_truth(truth: Truth, found: Effects) -> None:
    assert found.weights["distance"] == pytest.approx(WORLD.weights["distance"], abs=0.3)
    for trait in ("size", "age"):
        here = found.levels[trait] - found.levels[trait].mean()
        assert here == pytest.approx(truth.levels[trait], abs=0.25), trait
    for trait in ("colour", "shelter", "family"):
        assert np.ptp(found.levels[trait]) < 0.3, "nothing was drawn from these"


def test_what_the_values_of_a_trait_share_is_in_the_intercept(truth: Truth, found: Effects) -> None:
    assert len(truth.shown.traits) > 1
    for trait in truth.shown.traits:
        assert found.levels[trait].mean() == pytest.approx(0, abs=1e-3), trait


def test_a_fit_ends_because_it_has_arrived_and_says_so(truth: Truth, found: Effects) -> None:
    assert found.has_arrived
    assert found.slope <= 1e-5
    assert 3 < found.steps < 40
    again = fit_effects(
        truth.shown, truth.shown.opened, usual_attention(), start=found, learn_attention=True
    )
    assert again.steps <= found.steps
    assert again.weights == pytest.approx(found.weights, abs=1e-3)


def test_animals_own_effects_are_found_beyond_their_attributes_and_shrunk(
    truth: Truth, found: Effects
) -> None:
    own, drawn_from = found.levels[ANIMAL], truth.levels[ANIMAL]
    assert np.corrcoef(own, drawn_from)[0, 1] > 0.6
    assert own.std() < drawn_from.std()
    assert 0.1 < found.variances[ANIMAL] < 0.5, "0.25 is true"


def test_a_trait_of_which_nobody_makes_anything_takes_nothing_from_the_animals() -> None:
    truth = drawn(World(animals=400, appeal={"size": 0.6, "animal": 0.5}), seed=1)
    learned = fitted(truth).variances
    assert {name: learned[name] < 0.02 for name in ("species", "breed", "colour", "shelter")} == {
        "species": True,
        "breed": True,
        "colour": True,
        "shelter": True,
    }
    assert learned["size"] > 0.05
    assert 0.7 < learned["animal"] / 0.5**2 < 1.3


def test_attention_is_recovered_and_nearer_to_the_truth_than_the_default(
    truth: Truth, found: Effects
) -> None:
    learned = found.attention[:PLACES]
    assert learned == pytest.approx(truth.attention, abs=0.12)
    usual = usual_attention(PLACES)
    assert np.abs(learned - truth.attention).mean() < np.abs(usual - truth.attention).mean() / 2


def test_even_where_little_is_opened_attention_leaves_the_default() -> None:
    rare = drawn(replace(WORLD, intercept=-3.0, fades=0.2, pages=8_000))
    learned = fitted(rare).attention[:PLACES]
    assert learned[1:].mean() == pytest.approx(rare.attention[1:].mean(), abs=0.15)


def test_waiting_may_lift_but_never_sinks_even_if_who_waits_was_not_wanted() -> None:
    world = replace(WORLD, pages=1_000, appeal={"animal": 0.6}, unwanted_wait=True)
    found = fitted(drawn(world))
    assert found.weights["waiting"] == 0.0


def test_an_animal_that_nobody_looked_at_stands_where_its_attributes_put_it() -> None:
    nothing = np.zeros(2)
    assert animal_effects(nothing, nothing, nothing, 0.3).tolist() == [0.0, 0.0]


def test_an_animals_effect_has_the_sign_of_its_surprise_and_grows_with_what_is_known() -> None:
    looked = np.array([10.0, 100.0, 1000.0, 100.0, 100.0])
    opened = np.array([2.0, 20.0, 200.0, 10.0, 0.0])
    few, some, many, as_expected, never = animal_effects(opened, looked, looked * 0.1, 0.3)
    assert 0 < few < some < many < np.log(0.2 / 0.8) - np.log(0.1 / 0.9)
    assert as_expected == pytest.approx(0.0, abs=0.05)
    assert never < 0


@pytest.mark.parametrize("seed", [0, 1])
def test_how_much_visitors_differ_is_recovered_by_moments_within_a_third(seed: int) -> None:
    spreads = {"size": 0.9, "family": 0.7}
    world = World(
        pages=20_000, visitors=4_000, intercept=-2.5, appeal={}, likings=spreads, fades=0.3
    )
    truth = drawn(world, seed)
    pairs = VisitorPairs(truth.shown)
    learned = pairs.variances(choice_effects(truth.shown, pairs))
    for trait, spread in spreads.items():
        assert spread**2 / 1.5 < learned[trait] < spread**2 * 1.5, learned
    for trait in ("age", "colour", "species", "breed"):
        assert learned[trait] < 0.2, learned


def test_the_mean_chance_of_visitors_who_differ_is_that_of_many_drawn_ones() -> None:
    odds = np.array([-4.0, -2.5, 0.0, 1.0])
    drawn_effects = np.random.default_rng(0).normal(0, 1, 200_000)
    many = expit(odds + drawn_effects[:, None])
    chance, rise = mean_chances(odds, 1.0)
    assert chance == pytest.approx(many.mean(axis=0), rel=0.01)
    assert rise == pytest.approx((many * (1 - many)).mean(axis=0), rel=0.01)
    assert mean_chances(odds, 0.0)[0] == pytest.approx(expit(odds))


def test_a_training_whose_fit_does_not_arrive_fails_and_says_so(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "_MAX_STEPS", 0)
    with pytest.raises(TrainingFailed, match="did not arrive within 0 steps"):
        choice_effects(truth.shown, VisitorPairs(truth.shown))


def test_visits_of_bots_are_left_out_though_tastes_differ_a_lot() -> None:
    tastes = {"size": 1.0, "family": 1.0, "age": 1.0}
    world = World(intercept=-2.0, likings=tastes, fades=0.9)
    truth = drawn(world)
    shown = truth.shown
    is_bot = shown.visitor < 30
    looked = np.random.default_rng(1).random(len(shown)) < truth.attention[shown.place]
    visited = structs.replace(
        shown,
        visit=np.where(is_bot, world.pages + shown.visitor, shown.visit),
        opened=np.where(is_bot, looked, shown.opened),
    )
    model = fit_choices(visited, truth.names, world.pages)
    of_bots = model.opened - int(visited.opened[~is_bot].sum())
    assert of_bots < 0.7 * visited.opened[is_bot].sum()


def test_how_much_visitors_differ_stays_as_usual_where_few_places_tell() -> None:
    shown = drawn(World(pages=300)).shown
    once = structs.replace(shown, visitor=np.arange(len(shown)), visit=np.arange(len(shown)))
    pairs = VisitorPairs(once)
    assert pairs.variances(choice_effects(once, pairs)) == pytest.approx(VISITOR_VARIANCES)
    few = shown.take(np.arange(5 * PLACES))
    pairs = VisitorPairs(few)
    for kind, variance in pairs.variances(choice_effects(few, pairs)).items():
        assert variance == pytest.approx(VISITOR_VARIANCES[kind], rel=0.3)


def test_places_are_looked_at_no_more_than_they_are_though_little_is_known_of_each_animal() -> None:
    # What rows of uncertain animals leave over would lift all places above the first one.
    world = World(
        animals=600, intercept=-1.0, appeal={"animal": 1.0}, explored=1.0, fades=0.3, pages=4_000
    )
    attention = fitted(drawn(world)).attention
    true = 1 / np.arange(1, PLACES + 1) ** world.fades
    assert np.log(attention[1:PLACES] / true[1:]).mean() == pytest.approx(0, abs=0.06)
