"""Orders of animals to be played against each other: see `adoption_world`."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.adoption_world import Floats, Policy, Request, Season
from benchmarks.demo_visits import training_data
from pawsonalize.demo import World
from pawsonalize.engine.animals.distance import Place
from pawsonalize.engine.animals.factors import factors
from pawsonalize.engine.animals.rules import Rules
from pawsonalize.engine.animals.settings import Weights
from pawsonalize.engine.animals.shelf import Shelf, Slots
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Context, Model

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
    """The product's: the group's score for one animal of it, and the factors of the individual.

    The site was told where the visitor lives and with whom, as nearest-first is told the one.
    Without exploration, and without a cap on animals of one group.
    """

    world: World
    model: Model
    code: NDArray[np.int64]
    shelf: Shelf
    slots: Slots
    weights: Weights

    def scores(self, request: Request) -> Floats:
        group, inverse = np.unique(self.world.oracle.group[request.animals], return_inverse=True)
        one_of_each = np.ones(len(self.model.item_ids), np.int64)
        context = Context(request.known, request.at, one_of_each)
        names = [self.world.groups[one].id for one in group.tolist()]
        each = np.log(np.maximum(np.asarray(self.model.score(context, names), float), 1e-12))
        slots, rules = self.slots[request.animals], self._rules(request.visitor)
        self.shelf.shown[slots] = request.shown[request.animals]
        verdict = self.shelf.judge(rules, slots)
        told = factors(self.shelf.take(slots), rules, verdict, request.at)
        found = each[inverse] + told @ np.array(self.weights.values())
        return np.where(verdict.passing, found, -np.inf)

    def _rules(self, visitor: int) -> Rules:
        tastes = self.world.oracle.utility.tastes
        kids, dogs, cats = ((int(tastes.home[visitor]) >> bit) & 1 for bit in range(3))
        place = Place(*tastes.place[visitor].tolist())
        return Rules(kids=bool(kids), dogs=bool(dogs), cats=bool(cats), place=place)


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows the visitor's true taste, household and home, and every animal's true appeal."""

    world: World

    def scores(self, request: Request) -> NDArray[np.floating]:
        return self.world.oracle.utility.of_animals(np.array(request.visitor), request.animals)


def ours(season: Season, recipe_name: str, weights: Weights, seed: int) -> Ours:
    """The recipe, trained on what was known at the cut."""
    recipe, world = recipe_named(recipe_name), season.world
    model = recipe.fit(training_data(world, season.cut), recipe.settings(), seed)
    places = {item: place for place, item in enumerate(model.item_ids)}
    code = np.array([places.get(group.id, -1) for group in world.groups])
    shelf, here = Shelf(), defaultdict(list)
    for animal, group in zip(world.animals, world.oracle.group.tolist(), strict=True):
        here[world.groups[group].id].append(animal)
    shelf.put((), here, {})
    slots = np.array([shelf.slot(animal.animal_id) for animal in world.animals], np.int64)
    return Ours(world, model, code, shelf, slots, weights)


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
        "ours": ours(season, _RECIPE, Weights(), seed),
        "oracle": Oracle(world),
    }
