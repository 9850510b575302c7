"""The world: shelters, animals, adopters, events, and the truth behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo.adopters import draw_affinities
from pawsonalize.demo.browsing import browse
from pawsonalize.demo.funnel import tell
from pawsonalize.demo.log import WorldEvents
from pawsonalize.demo.oracle import Oracle
from pawsonalize.demo.pages import SitePages
from pawsonalize.demo.settings import WorldSettings
from pawsonalize.demo.stock import Shelter, draw_animals, list_animals, list_shelters
from pawsonalize.demo.traits import Traits
from pawsonalize.demo.utility import Utility
from pawsonalize.demo.visits import draw_visits, guests_of
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY


@dataclass(frozen=True, slots=True)
class World:
    """A made-up adoption site.

    Its users are adopters, then bots. The methods take a visitor as a user id or as a position
    (`events.columns.visitor`), which guests have too. They take animals as positions in `animals`.
    `previous` is the animal last viewed in the same session, if any.
    """

    settings: WorldSettings
    seed: int
    start: int
    """Milliseconds since 1970."""
    end: int
    """Milliseconds since 1970, exclusive."""
    shelters: tuple[Shelter, ...]
    animals: tuple[Animal, ...]
    """All that were listed at some moment of the world, in order of listing."""
    groups: tuple[AnimalGroup, ...]
    """Their distinct groups."""
    adopter_ids: tuple[str, ...]
    bot_ids: tuple[str, ...]
    events: WorldEvents
    oracle: Oracle

    def utility(self, visitor: str | int, groups: Sequence[AnimalGroup]) -> NDArray[np.float64]:
        """True utility of each group to the visitor, a log probability; shape (groups,).

        Were all `animals` on one page, shown alike, its exponential would be the chance that the
        visitor picks one given animal of the group, average in all that its group does not say.
        How many there are, and whether any is available, is not in it: that is `propensity`.
        NaN for a breed the world does not know.
        """
        who, traits = self._visitor(visitor), Traits.of(groups)
        base = self.oracle.baseline(who)[traits.species]
        return base + self.oracle.utility.of_groups(who, traits)

    def animal_utility(
        self, visitor: str | int, animals: NDArray[np.int64], previous: int | None = None
    ) -> NDArray[np.float64]:
        """The same of individuals: with charm, distance, household rules and session intent.

        Given `previous`, intent is added, and the result is log odds, no longer normalised.
        """
        who, truth = self._visitor(visitor), self.oracle.utility
        total = self.oracle.baseline(who)[self.oracle.stock.traits.species[animals]]
        total += truth.of_animals(np.array(who), animals)
        if previous is not None:
            total += truth.intent(np.array(previous), animals)
        return total

    def propensity(
        self, visitor: str | int | None, at: int, previous: int | None = None
    ) -> NDArray[np.float64]:
        """Probability that the next view, at that moment, is of each of `groups`; sums to 1.

        All 0 when nobody is available. What the oracle knows, and what not, is written in
        `oracle.py`; the visitor None is a stranger.
        """
        who = None if visitor is None else self._visitor(visitor)
        available = self.oracle.available(at)
        chance = self.oracle.next_view(who, available, previous)
        return np.asarray(np.bincount(self.oracle.group[available], chance, len(self.groups)))

    def oracle_ranking(
        self,
        visitor: str | int | None,
        at: int,
        previous: int | None = None,
        limit: int | None = None,
    ) -> tuple[str, ...]:
        """Item ids available at that moment, the likeliest next view first.

        No recommender can be expected to hit the next view more often.
        """
        chance = self.propensity(visitor, at, previous)
        order = np.argsort(-chance, kind="stable")[: np.count_nonzero(chance)]
        return tuple(self.groups[code].id for code in order[:limit].tolist())

    def _visitor(self, visitor: str | int) -> int:
        if not isinstance(visitor, str):
            return int(visitor)
        position = int(visitor[1:]) if visitor[1:].isdecimal() else -1
        if self.events.user_ids[position : position + 1] != (visitor,):
            raise NotFound(f"this world has no user {visitor}; see adopter_ids")
        return position


def generate(settings: WorldSettings, seed: int, end: int) -> World:
    """Make the world that ends at `end` (milliseconds since 1970).

    Same settings, seed and end give the same world, bit for bit.
    """
    start = end - settings.days * DAY
    dice = [np.random.default_rng((seed, stage)) for stage in range(6)]
    users = settings.adopters + settings.bots
    stock = draw_animals(settings, dice[0], end)
    affinities = draw_affinities(
        dice[1], users + guests_of(settings), settings.shelters, settings.taste
    )
    utility = Utility.of(settings, affinities, stock)
    visits = draw_visits(settings, affinities, dice[2], start)
    site = SitePages.of(stock, dice[3], start, end)
    views = browse(settings, utility, site, visits, seed)
    animals = list_animals(stock, dice[4], end)
    groups = stock.traits.groups()
    codes: dict[AnimalGroup, int] = {}
    group = np.array([codes.setdefault(one, len(codes)) for one in groups])
    user_ids = tuple(f"u{number:06d}" for number in range(users))
    return World(
        settings=settings,
        seed=seed,
        start=start,
        end=end,
        shelters=list_shelters(settings.shelters),
        animals=animals,
        groups=tuple(codes),
        adopter_ids=user_ids[: settings.adopters],
        bot_ids=user_ids[settings.adopters :],
        events=WorldEvents(
            columns=tell(settings, utility, stock, visits, views, dice[5], end),
            pages=views.page,
            user_ids=user_ids,
            animal_ids=tuple(animal.animal_id for animal in animals),
            item_ids=tuple(one.id for one in groups),
            seed=seed,
        ),
        oracle=Oracle(settings, utility, stock, group),
    )
