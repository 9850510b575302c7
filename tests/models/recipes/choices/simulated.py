"""Pages drawn from a known truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from pawsonalize.models.recipes.choices.effects import FACTORS, TRAITS, ShownPlaces
from pawsonalize.models.recipes.choices.model import CodedNames
from pawsonalize.models.recipes.data import Floats

VALUES = {"species": 2, "breed": 12, "family": 4, "size": 3, "age": 4, "colour": 3, "shelter": 5}
"""How many values each trait has."""

PLACES = 12


@dataclass(frozen=True, slots=True)
class World:
    """What is true of visitors and animals; all as log-odds, standard deviations and chances."""

    pages: int = 6_000
    visitors: int = 1_500
    animals: int = 150
    intercept: float = -1.2
    weights: Mapping[str, float] = field(default_factory=lambda: {"distance": 1.5})
    appeal: Mapping[str, float] = field(default_factory=lambda: {"size": 0.6, "age": 0.4})
    """How much the values of a trait differ, and `animal` how much the animals do beyond them."""
    likings: Mapping[str, float] = field(default_factory=dict)
    """How much visitors differ in what they make of a trait's values."""
    fades: float = 0.6
    """A place is looked at with the chance 1 / place ** fades."""
    explored: float = 0.0
    """The share of the places that chance fills."""
    unwanted_wait: bool = False
    """Whether the factor `waiting` is high for those animals that visitors do not open."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Drawn pages, and what they were drawn from."""

    shown: ShownPlaces
    names: CodedNames
    levels: Mapping[str, Floats]
    attention: Floats
    """By place."""


def drawn(world: World, seed: int = 0) -> Truth:
    """Pages of that world, in random orders."""
    rng = np.random.default_rng(seed)
    traits = {name: rng.integers(0, VALUES[name], world.animals) for name in TRAITS}
    levels = {
        name: _differing(rng, world.appeal.get(name, 0.0), count)
        for name, count in {**VALUES, "animal": world.animals}.items()
    }
    rows = world.pages * PLACES
    visitor = np.repeat(rng.integers(0, world.visitors, world.pages), PLACES)
    animal = np.concatenate(
        [rng.choice(world.animals, PLACES, replace=False) for _ in range(world.pages)]
    )
    place = np.tile(np.arange(PLACES), world.pages)
    appeal = levels["animal"] + sum(levels[name][traits[name]] for name in TRAITS)
    columns = {name: np.zeros(rows) for name in FACTORS}
    columns["distance"] = rng.uniform(-1, 0, rows)
    columns["waiting"] = rng.uniform(0, 1, rows)
    if world.unwanted_wait:
        columns["waiting"] = expit(-3 * appeal)[animal]
    odds = world.intercept + appeal[animal]
    for name, weight in world.weights.items():
        odds = odds + weight * columns[name]
    for name, spread in world.likings.items():
        own = rng.normal(0, spread, (world.visitors, VALUES[name]))
        odds = odds + own[visitor, traits[name][animal]]
    attention = 1 / np.arange(1, PLACES + 1) ** world.fades
    opened = rng.random(rows) < attention[place] * expit(odds)
    shown = ShownPlaces(
        visitor,
        np.repeat(np.arange(world.pages), PLACES),
        animal,
        place,
        opened,
        opened & (rng.random(rows) < 0.1),
        rng.random(rows) < world.explored,
        columns,
        traits,
    )
    names = CodedNames(
        [f"animal {code}" for code in range(world.animals)],
        {name: [f"{name} {code}" for code in range(VALUES[name])] for name in TRAITS},
    )
    return Truth(shown, names, levels, attention)


def _differing(rng: np.random.Generator, spread: float, count: int) -> Floats:
    """Numbers with a mean of 0 and exactly that spread."""
    found = rng.normal(0, 1, count)
    return np.asarray(spread * (found - found.mean()) / found.std())
