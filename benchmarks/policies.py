"""Orders of animals to be played against each other: see `adoption_world`."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.adoption_world import Floats, Policy, Request, Season
from benchmarks.demo_visits import home_facets, training_data
from benchmarks.ideal import Ideal
from pawsonalize.demo import World
from pawsonalize.engine.resources.solutions import Cut, SolutionVersion
from pawsonalize.engine.serving.animals.affinity import GroupAffinity, TraitAffinity
from pawsonalize.engine.serving.animals.available import AvailableAnimals, Slots
from pawsonalize.engine.serving.animals.distance import Place
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from pawsonalize.engine.serving.animals.settings import AffinitySettings, AnimalSettings
from pawsonalize.engine.serving.animals.utility import Weighing
from pawsonalize.engine.serving.recommender import GroupScores
from pawsonalize.engine.serving.served import Served
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.classes import classes_of
from pawsonalize.recipes.contract import Context

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
        near = self.world.oracle.utility.affinities.shelter[request.visitor, shelter].astype(float)
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
    """The product's: how much the visitor likes the group, and the factors of the individual.

    The site was told where the visitor lives and with whom, as nearest-first is told the one.
    Without exploration, and without a cap on animals of one group.
    """

    world: World
    served: Served
    available: AvailableAnimals
    slots: Slots
    settings: AnimalSettings
    affinity: GroupAffinity
    traits: TraitAffinity

    def scores(self, request: Request) -> Floats:
        slots, traits = self.slots[request.animals], self.settings.traits
        liked = self.settings.group_affinity * self.of_groups(request) + self.of_traits(
            request, traits
        )
        question = self.question(request, liked)
        fits = np.isin(slots, question.fitting(slots))
        return np.where(fits, question.weigh(slots).utilities, -np.inf)

    def question(self, request: Request, liked: Floats) -> Weighing:
        """The question as the product asks it, with what is liked by the code of each group."""
        available, slots = self.available, self.slots[request.animals]
        times = request.shown[request.animals].tolist()
        available.count_shown(
            {available.ids[slot]: n for slot, n in zip(slots, times, strict=True)}
        )
        return Weighing(available, liked, self._rules(request.visitor), self.settings, request.at)

    def of_groups(self, request: Request) -> Floats:
        """What the model says the visitor likes more than others do, by the code of each group."""
        context, model = self._context(request), self.served.model
        groups = GroupScores(self.served, context, model.score_catalogue(context))
        here = np.unique(self.available.column("group", self.slots[request.animals]))
        return self.affinity.of(groups, self.available.codes["group"], here)

    def of_traits(
        self, request: Request, settings: AffinitySettings, *, classed: bool = True
    ) -> Floats:
        """What the visitor's events say, by the code of each group; `classed` with the classes."""
        codes = self.available.codes["group"]
        classes = classes_of(self.served.model) if classed else None
        slots = self.slots[request.animals]
        there = np.bincount(self.available.column("group", slots), minlength=len(codes))
        return self.traits.of(self._context(request), codes, there, settings, classes)

    def _context(self, request: Request) -> Context:
        one_of_each = np.ones(len(self.served.model.item_ids), np.int64)
        facets = home_facets(self.world, request.visitor)
        return Context(request.known, request.at, one_of_each, facets)

    def _rules(self, visitor: int) -> Eligibility:
        tastes = self.world.oracle.utility.affinities
        kids, dogs, cats = ((int(tastes.home[visitor]) >> bit) & 1 for bit in range(3))
        place = Place(*tastes.place[visitor].tolist())
        return Eligibility(kids=bool(kids), dogs=bool(dogs), cats=bool(cats), place=place)


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows the visitor's true taste, household and home, and every animal's true appeal."""

    world: World

    def scores(self, request: Request) -> NDArray[np.floating]:
        return self.world.oracle.utility.of_animals(np.array(request.visitor), request.animals)


def ours(season: Season, recipe_name: str, settings: AnimalSettings, seed: int) -> Ours:
    """The recipe, trained on what was known at the cut."""
    recipe, world, cut = recipe_named(recipe_name), season.world, season.cut
    model = recipe.fit(training_data(world, cut, homes=True), recipe.settings(), seed)
    version = SolutionVersion(name="v", solution="s", recipe=recipe_name, cut=Cut(0, cut))
    available, here = AvailableAnimals(), defaultdict(list)
    for animal, group in zip(world.animals, world.oracle.group.tolist(), strict=True):
        here[world.groups[group].id].append(animal)
    available.put((), here, {})
    slots = np.array([available.slot(animal.animal_id) for animal in world.animals], np.int64)
    return Ours(
        world, Served(version, model), available, slots, settings, GroupAffinity(), TraitAffinity()
    )


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
        "ours": ours(season, _RECIPE, AnimalSettings(), seed),
        "ideal": Ideal(world),
        "oracle": Oracle(world),
    }
