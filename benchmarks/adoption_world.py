"""The demo world played on: from a cut on, adoptions are what visitors make of what they are shown.

Every policy has a copy of the world of its own. Arrivals and visits are the same in all of them,
and so are the dice: what a visitor makes of an animal at a view depends on the session and the
animal alone, not on what else is shown. But whom a visitor adopts is gone from that copy, for
everybody who comes later, and the adopter visits no more.

At each view the visitor is given a page of the animals of the species looked for that are there
and were not looked at in this session, in the policy's order. The visitor picks one as in the
demo world (position, appeal, taste, likeness to the one before; Gumbel noise), looks at it, and
takes it home with a chance that grows with the utility as the funnel's do.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import World, WorldSettings
from pawsonalize.demo.browsing import noticed
from pawsonalize.demo.calibration import SPECIES
from pawsonalize.demo.log import EVENT_TYPES, VIEW
from pawsonalize.demo.visits import Visits, draw_visits
from pawsonalize.demo.world import chance
from pawsonalize.domain.times import MINUTE
from pawsonalize.recipes.contract import ContextEvent

NEVER = np.iinfo(np.int64).max
WAITED = (7, 30, 90)  # days that part the animals by how long they wait
_READ = 50  # events of a context, as in serving
_CROWD = 400
_PACE = MINUTE  # from one view to the next

_DAYS = 200

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Request:
    """What a policy is asked: an order of `animals` (positions) for a visitor at a moment.

    `known` are the visitor's events as the service knows them, newest first; `viewed` counts the
    views of each group in this copy of the world, `shown` how often each animal of the world was
    on a page. Where the visitor lives and who lives there, a site is told; their tastes, only an
    oracle may ask.
    """

    visitor: int
    at: int
    animals: Ints
    known: tuple[ContextEvent, ...]
    viewed: Floats
    shown: Floats


class Policy(Protocol):
    """An order of animals."""

    def scores(self, request: Request) -> NDArray[np.floating]:
        """The higher, the nearer to the top, -inf for who is not to be shown at all.

        The shape is that of `request.animals`.
        """
        ...


@dataclass(frozen=True)
class Season:
    """What is the same in all copies: who arrives and who visits, from the cut to the end.

    `demand` is how many adoptions all views together would bring, were every view of an average
    animal, for each animal that is there or arrives.
    """

    world: World
    cut: int
    demand: float

    @cached_property
    def stock(self) -> Ints:
        """Positions of the animals that were there at the cut or came later."""
        return np.flatnonzero(self.world.oracle.stock.adopted > self.cut)

    @cached_property
    def arrivals(self) -> Ints:
        """Positions of those that came later."""
        return np.flatnonzero(self.world.oracle.stock.listed >= self.cut)

    @cached_property
    def visits(self) -> Visits:
        """The sessions of people, in order of time; those of the world itself."""
        world, settings = self.world, self.world.settings
        affinities, dice = world.oracle.utility.affinities, np.random.default_rng((world.seed, 2))
        told = draw_visits(settings, affinities, dice, world.start)
        bot = (told.visitor >= settings.adopters) & (
            told.visitor < settings.adopters + settings.bots
        )
        return told.take(np.flatnonzero((told.start >= self.cut) & ~bot))

    @cached_property
    def history(self) -> Mapping[int, list[ContextEvent]]:
        """What was known of each user at the cut, oldest first."""
        world, columns = self.world, self.world.events.columns
        known: dict[int, list[ContextEvent]] = defaultdict(list)
        for row in np.flatnonzero((columns.moment < self.cut) & columns.identified).tolist():
            item, kind = world.events.item_ids[columns.animal[row]], EVENT_TYPES[columns.kind[row]]
            known[int(columns.visitor[row])].append(
                ContextEvent(item, kind, int(columns.moment[row]))
            )
        return known

    @cached_property
    def rate(self) -> float:
        """The chance of an adoption at a view of an average animal."""
        return min(0.5, self.demand * len(self.stock) / max(int(self.visits.views.sum()), 1))

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Mean and standard deviation of utility, over a crowd and the stock."""
        utility = self.world.oracle.utility
        crowd = np.arange(min(_CROWD, self.world.settings.adopters))
        values = utility.of_animals(crowd[:, None], self.stock)
        return float(values.mean()), float(values.std())

    def wants(self, visitor: int, animals: Ints) -> Floats:
        """The chance that the visitor, looking at each of them, takes it home."""
        mean, deviation = self.scale
        utility = self.world.oracle.utility.of_animals(np.array(visitor), animals)
        return chance(self.rate, np.asarray((utility - mean) / deviation, np.float32))


@dataclass(frozen=True, slots=True)
class Dice:
    """A session's luck with each animal of the world: one throw to be picked, one to be taken."""

    pick: NDArray[np.float32]
    take: NDArray[np.float32]

    @classmethod
    def of(cls, season: Season, session: int) -> "Dice":
        """The same for every policy."""
        size = len(season.world.oracle.stock)
        rng = np.random.default_rng((season.world.seed, 7, session))
        drawn = np.maximum(rng.standard_exponential(size, np.float32), np.finfo(np.float32).tiny)
        return cls(-np.log(drawn), rng.random(size, np.float32))


@dataclass
class Copy:
    """One policy's copy of the world: who is gone, who stopped looking, and what was shown.

    `gone` has the shape (animals of the world,); `shown` counts places on pages, each by how much
    it is noticed, `even` what that would be if every page were drawn evenly from those there;
    `on_page` counts pages.
    """

    season: Season
    policy: Policy
    gone: Ints = field(init=False)
    shown: Floats = field(init=False)
    even: Floats = field(init=False)
    on_page: Floats = field(init=False)
    by_wait: Floats = field(init=False)
    viewed: Floats = field(init=False)
    sessions: int = 0
    adopters: set[int] = field(default_factory=set)
    known: dict[int, list[ContextEvent]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = len(self.season.world.oracle.stock)
        self.gone = np.full(size, NEVER)
        self.gone[np.setdiff1d(np.arange(size), self.season.stock)] = 0
        self.shown, self.even, self.on_page = np.zeros(size), np.zeros(size), np.zeros(size)
        self.by_wait = np.zeros((2, len(WAITED) + 1))  # shown and even, by days waited
        self.viewed = np.zeros(len(self.season.world.groups))

    def visit(self, session: int, dice: Dice) -> None:
        """Let one session happen."""
        visits = self.season.visits
        visitor, start = int(visits.visitor[session]), int(visits.start[session])
        if visitor in self.adopters:
            return
        self.sessions += 1
        is_known = bool(visits.login[session] < visits.views[session])
        events = list(self._events(visitor)) if is_known else []
        looked: list[int] = []
        for step in range(int(visits.views[session])):
            at = start + step * _PACE
            picked = self._view(visitor, at, int(visits.species[session]), looked, events, dice)
            if picked is None:
                break
            if dice.take[picked] < self.season.wants(visitor, np.array([picked]))[0]:
                self.gone[picked] = at
                self.adopters.add(visitor)
                break
        if is_known:
            self.known[visitor] = events[-_READ:]

    def _events(self, visitor: int) -> Sequence[ContextEvent]:
        return self.known.get(visitor) or self.season.history.get(visitor, ())[-_READ:]

    def _view(
        self,
        visitor: int,
        at: int,
        species: int,
        looked: list[int],
        events: list[ContextEvent],
        dice: Dice,
    ) -> int | None:
        """Show a page and return what is looked at; it becomes the visitor's newest event."""
        world, stock = self.season.world, self.season.world.oracle.stock
        there = np.flatnonzero(
            (stock.traits.species == species) & (stock.listed <= at) & (at < self.gone)
        )
        there = there[~np.isin(there, looked)]
        if not len(there):
            return None
        known = tuple(events[: -_READ - 1 : -1])
        asked = Request(visitor, at, there, known, self.viewed, self.on_page)
        scores = self.policy.scores(asked)
        order = np.argsort(-scores, kind="stable")[: world.settings.page_size]
        page = there[order[np.isfinite(scores[order])]]
        if not len(page):
            return None
        self._count(page, there, at)
        utility = world.oracle.utility
        odds = utility.of_animals(np.array(visitor), page) + dice.pick[page]
        odds = odds + noticed(len(page), world.settings.position_bias)
        if looked:
            odds = odds + utility.intent(np.array(looked[-1]), page)
        picked = int(page[odds.argmax()])
        looked.append(picked)
        group = int(world.oracle.group[picked])
        self.viewed[group] += 1
        events.append(ContextEvent(world.groups[group].id, EVENT_TYPES[VIEW], at))
        return picked

    def _count(self, page: Ints, there: Ints, at: int) -> None:
        notice = np.exp(noticed(len(page), self.season.world.settings.position_bias).astype(float))
        even = np.full(len(there), notice.sum() / len(there))
        self.shown[page] += notice
        self.on_page[page] += 1
        self.even[there] += even
        listed = self.season.world.oracle.stock.listed
        for counted, animals, weight in ((0, page, notice), (1, there, even)):
            days = (at - listed[animals]) / (24 * 60 * MINUTE)
            part = np.searchsorted(WAITED, days, side="right")
            self.by_wait[counted] += np.bincount(part, weight, len(WAITED) + 1)


def play(season: Season, policies: Mapping[str, Policy]) -> dict[str, Copy]:
    """Every policy's copy of the season, session by session with the same dice."""
    copies = {name: Copy(season, policy) for name, policy in policies.items()}
    for session in range(len(season.visits)):
        dice = Dice.of(season, session)
        for copy in copies.values():
            copy.visit(session, dice)
    return copies


def slices(world: World) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Named masks over the animals of the world: species, age, size and colour."""
    stock = world.oracle.stock
    for code, name in enumerate(("cats", "dogs", "rabbits")[: len(SPECIES)]):
        yield f"species {name}", stock.traits.species == code
    for code, name in enumerate(("baby", "young", "adult", "senior")):
        yield f"age {name}", stock.traits.age == code
    for code, name in enumerate(("small", "medium", "large", "extra large")):
        yield f"size {name}", stock.traits.size == code
    colours = [animal.colours[0] for animal in world.animals]
    for name, _ in Counter(colours).most_common(4):
        yield f"colour {name}", np.array([colour == name for colour in colours])


def add_world_options(parser: argparse.ArgumentParser, *, seeds: int) -> None:
    """The options that say which worlds are played on."""
    parser.add_argument("--seeds", type=int, default=seeds, help="worlds")
    parser.add_argument("--animals", type=int, default=200, help="that wait at any moment, about")
    parser.add_argument("--events", type=int, default=60_000, help="of the whole world")


def world_settings(options: argparse.Namespace) -> WorldSettings:
    """The worlds that the options ask for."""
    return WorldSettings(
        animals=options.animals,
        events=options.events,
        adopters=max(options.events // 20, 50),
        days=_DAYS,
    )
