"""Orders of animals to be played against each other: see `adoption_world`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.adoption_world import Floats, Policy, Request, Season
from benchmarks.demo_visits import training_data
from pawsonalize.demo import World
from pawsonalize.domain.times import DAY
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Context, Model

# How much a wait of e times as long is worth, in log odds of the group's score.
PATIENCE = 0.25
_RECIPE = "user-personalization"


@dataclass(frozen=True, slots=True)
class NewestFirst:
    world: World

    def scores(self, request: Request) -> Floats:
        return self.world.oracle.stock.listed[request.animals].astype(float)


@dataclass(frozen=True, slots=True)
class NearestFirst:
    """By the distance to the visitor, who said where home is; equals newest first."""

    world: World

    def scores(self, request: Request) -> Floats:
        stock = self.world.oracle.stock
        shelter = stock.shelter[request.animals]
        near = self.world.oracle.utility.tastes.shelter[request.visitor, shelter].astype(float)
        rank = np.argsort(np.argsort(stock.listed[request.animals], kind="stable"))
        return np.asarray(near + 1e-9 * rank)


@dataclass(frozen=True, slots=True)
class Popularity:
    """By views of the group before the cut and since; equals newest first."""

    world: World
    before: Floats

    def scores(self, request: Request) -> Floats:
        views = (self.before + request.viewed)[self.world.oracle.group[request.animals]]
        listed = self.world.oracle.stock.listed[request.animals]
        return np.asarray(views + np.argsort(np.argsort(listed, kind="stable")) * 1e-6)


@dataclass(frozen=True, slots=True)
class Ours:
    """The trained recipe's score of the group per animal, times a power of the wait."""

    world: World
    model: Model
    code: NDArray[np.int64]
    patience: float

    def scores(self, request: Request) -> Floats:
        group, inverse, supply = np.unique(
            self.world.oracle.group[request.animals], return_inverse=True, return_counts=True
        )
        known = self.code[group] >= 0
        held = np.zeros(len(self.model.item_ids), np.int64)
        held[self.code[group[known]]] = supply[known]
        context = Context(request.known, request.at, held)
        score = self.model.score(context, [self.world.groups[one].id for one in group.tolist()])
        each = np.log(np.maximum(np.asarray(score, float), 1e-12)) - np.log(supply)
        waited = (request.at - self.world.oracle.stock.listed[request.animals]) / DAY
        return np.asarray(each[inverse] + self.patience * np.log1p(waited))


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows the visitor's true taste, household and home, and every animal's true appeal."""

    world: World

    def scores(self, request: Request) -> NDArray[np.floating]:
        return self.world.oracle.utility.of_animals(np.array(request.visitor), request.animals)


def ours(season: Season, recipe_name: str, patience: float, seed: int) -> Ours:
    """The recipe, trained on what was known at the cut."""
    recipe = recipe_named(recipe_name)
    model = recipe.fit(training_data(season.world, season.cut), recipe.settings(), seed)
    places = {item: place for place, item in enumerate(model.item_ids)}
    code = np.array([places.get(group.id, -1) for group in season.world.groups])
    return Ours(season.world, model, code, patience)


def policies(season: Season, seed: int) -> Mapping[str, Policy]:
    """All of them, by name."""
    world = season.world
    columns = world.events.columns
    told = world.oracle.group[columns.animal[columns.moment < season.cut]]
    before = np.bincount(told, minlength=len(world.groups)).astype(float)
    return {
        "newest first": NewestFirst(world),
        "nearest first": NearestFirst(world),
        "popularity": Popularity(world, before),
        "ours": ours(season, _RECIPE, PATIENCE, seed),
        "oracle": Oracle(world),
    }
