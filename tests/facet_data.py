"""Visitors whose device says which species they choose, for tests of facets."""

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.data import Facet, Facets, TrainingData
from pawsonalize.testing.recipe_checks import NOW, training_data

DEVICES = ("mobile", "desktop")
DEVICE = "context.DEVICE"
SPECIES = ("1", "2")
ITEMS = tuple(
    f"{species}-Breed{breed}-{size}-{age}"
    for species in SPECIES
    for breed in range(5)
    for size in (1, 2)
    for age in (1, 2)
)


def visits(
    users: int, seed: int, *, strength: float = 0.85, events: int = 6, shuffled: bool = False
) -> TrainingData:
    """Each visitor has one device; mobile ones choose cats (species 1) with that probability.

    Shuffled, choices have nothing to do with visitors.
    """
    dice = np.random.default_rng(seed)
    rows, devices = [], []
    half = len(ITEMS) // 2
    for user in range(users):
        device = int(dice.integers(2))
        for step in range(events):
            cat = dice.random() < (strength if device == 0 else 1 - strength)
            item = ITEMS[int(dice.integers(half)) + (0 if cat else half)]
            rows.append((f"u{user}", item, NOW - 9_000_000 + step * 60_000 + user))
            devices.append(device)
    data = training_data(rows, ITEMS)
    codes = np.array(devices, np.int32)[:, np.newaxis]
    data = replace(data, facets=Facets((DEVICE,), (DEVICES,), codes))
    return replace(data, item=dice.permutation(data.item)) if shuffled else data


def without_facets(data: TrainingData) -> TrainingData:
    return replace(data, facets=Facets.unknown())


def arriving(*facets: Facet) -> Context:
    """Somebody new, of whom only the facets are known."""
    return Context((), NOW, facets=facets)


def share_of(scores: Sequence[float], species: str) -> float:
    return float(
        sum(score for item, score in zip(ITEMS, scores, strict=True) if item[0] == species)
    )
