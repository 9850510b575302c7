"""Draws the animals, visitors and sessions of a market from a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.markets.worlds import Market
from pawsonalize.animals.animal import Animal
from pawsonalize.core.breeds import family_of
from pawsonalize.core.times import DAY
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.stock import (
    BREED_NAMES,
    SHELTERS,
    AnimalColumns,
    draw_animals,
    list_animals,
)

END = 1_767_225_600_000  # 2026-01-01
_SHELTERS = 6
NO_HOME = -4.0
"""Log-odds lost where the animal is known not to get along with somebody in the home."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Session:
    """One visit; `user` is None for a guest, whom the site knows by the session only."""

    number: int
    visitor: int
    at: int
    pages: int
    species: int
    """The species that is looked for, -1 for any."""
    is_guest: bool
    is_bot: bool


@dataclass(frozen=True)
class Drawn:
    """A market as it is at the start, the same for every order of animals.

    `taste` has the shape (visitors, values) for each attribute, `values` the shape (animals,).
    """

    market: Market
    seed: int
    start: int
    animals: tuple[Animal, ...]
    listed: Ints
    species: Ints
    values: Mapping[str, Ints]
    photos: Ints
    no: Mask
    """Known not to get along with kids, dogs, cats; shape (animals, 3)."""
    appeal: Floats
    """What everybody makes of each animal."""
    taste: Mapping[str, Floats]
    home: Mask
    """Kids, dogs, cats; shape (visitors, 3)."""
    place: Floats
    """Latitude and longitude, shape (visitors, 2)."""
    kilometres: Floats
    """From visitors to animals, shape (visitors, animals)."""
    sessions: tuple[Session, ...]

    @property
    def end(self) -> int:
        """When it is over."""
        return self.start + self.market.days * DAY

    def expected(self, visitor: int, animals: Ints) -> Floats:
        """What a visitor makes of the animals but for whims, as log-odds around 0."""
        total = self.expected_of_anybody(visitor, animals)
        for name, taste in self.taste.items():
            total = total + taste[visitor, self.values[name][animals]]
        return total

    def expected_of_anybody(self, visitor: int, animals: Ints) -> Floats:
        """The same of a visitor from the same home whose tastes are the usual ones."""
        total = self.appeal[animals] - self.market.far * self.kilometres[visitor, animals] / 100
        return np.asarray(total + NO_HOME * self.refused(visitor, animals))

    def refused(self, visitor: int, animals: Ints) -> Mask:
        """Whether an animal is known not to get along with somebody in the visitor's home."""
        return np.asarray((self.no[animals] & self.home[visitor]).any(axis=1))

    def luck(self, session: int) -> tuple[Floats, Floats, Floats]:
        """Whims, and the throws for opening and for adopting each animal of the market."""
        dice, size = np.random.default_rng((self.seed, 5, session)), len(self.animals)
        return (
            self.market.whim * dice.standard_normal(size),
            dice.random(size),
            dice.random(size),
        )

    def picks(self, session: Session, board: Ints, whim: Floats) -> tuple[int, ...] | None:
        """The places that are picked of a board, best first; None if it is left alone.

        Picks are by Plackett and Luce, with an average animal for "none of these".
        """
        market = self.market
        answers = np.random.default_rng((self.seed, 7, session.visitor)).random() < market.answers
        if session.is_bot or not answers:
            return None
        noise = np.random.default_rng((self.seed, 8, session.number)).gumbel(
            0, market.noise, len(self.animals) + 1
        )
        likes = self.expected(session.visitor, board) + whim[board] + noise[board]
        best = np.argsort(-likes)[: market.taps]
        return tuple(best[likes[best] > self.usual + noise[-1]].tolist())

    @cached_property
    def alerted(self) -> Ints:
        """The visitors who wish to be told of animals."""
        dice = np.random.default_rng((self.seed, 12))
        return np.flatnonzero(dice.random(len(self.home)) < self.market.alerted)

    @cached_property
    def usual(self) -> float:
        """What an average visitor makes of an average animal."""
        return float(self._crowd().mean())

    @cached_property
    def opening(self) -> float:
        """The log-odds at which an average visitor opens an average animal."""
        return self._intercept(self.market.open_rate)

    @cached_property
    def adopting(self) -> float:
        """The log-odds to adopt an opened animal, by which the demand is met by even pages."""
        market = self.market
        looked_at = looks(market).sum() * sum(session.pages for session in self.sessions)
        wanted = market.demand * (market.initial + market.arrivals * market.days)
        likes = self._crowd()
        opened = _sigmoid(likes + self.opening)
        low, high = -15.0, 5.0
        for _ in range(50):
            middle = (low + high) / 2
            taken = looked_at * float((opened * _sigmoid(market.keen * likes + middle)).mean())
            low, high = (middle, high) if taken < wanted else (low, middle)
        return low

    def _intercept(self, rate: float) -> float:
        likes, low, high = self._crowd(), -15.0, 5.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if _sigmoid(likes + middle).mean() < rate else (low, middle)
        return low

    def _crowd(self) -> Floats:
        everybody = np.arange(len(self.animals))
        crowd = range(0, len(self.home), max(1, len(self.home) // 200))
        return np.concatenate([self.expected(one, everybody) for one in crowd])


def looks(market: Market) -> Floats:
    """How likely each place of a page is looked at, about; shape (places,)."""
    places = np.arange(market.page)
    if market.clicks == "cascade":
        go_on = market.patience * (1 - market.open_rate) + market.open_rate * market.returns
        return np.asarray(go_on**places)
    return np.asarray(1 / (1 + places) ** market.attention)


def _sigmoid(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-value)))


def draw(market: Market, seed: int) -> Drawn:
    """The market of that seed."""
    dice, start = np.random.default_rng((seed, 3)), END - market.days * DAY
    stock = _stock(market, dice, start)
    animals = list_animals(stock, dice, END)
    colours = [one.colours[0] for one in animals]
    families = [
        family_of(str(one.species), BREED_NAMES[breed]) or BREED_NAMES[breed]
        for one, breed in zip(animals, stock.traits.breed.tolist(), strict=True)
    ]
    species = stock.traits.species
    values = {
        "size": species * 4 + stock.traits.size,
        "age": species * 4 + stock.traits.age,
        "family": _codes(families),
        "colour": _codes(colours),
    }
    share = {"size": 1.0, "age": 1.0, "family": 1.0, "colour": 0.4}
    home = dice.random((market.visitors, 3)) < (0.35, 0.4, 0.3)
    spots = np.array([(one.latitude, one.longitude) for one in SHELTERS[:_SHELTERS]])
    place = spots[dice.integers(_SHELTERS, size=market.visitors)]
    place = place + dice.normal(0, 0.25, place.shape)
    appeal = market.hidden * dice.standard_normal(len(animals))
    for name, codes in values.items():
        if name != "colour":
            appeal += market.shown * dice.standard_normal(codes.max() + 1)[codes]
    appeal += market.shown * np.minimum(stock.photos, 3) / 3
    return Drawn(
        market,
        seed,
        start,
        animals,
        stock.listed,
        species,
        values,
        stock.photos,
        (stock.good_with == 0) & market.households,
        appeal - appeal.mean(),
        {
            name: market.taste
            * share[name]
            * dice.standard_normal((market.visitors, codes.max() + 1))
            for name, codes in values.items()
        },
        home & market.households,
        place,
        _kilometres(place, spots[stock.shelter]),
        _sessions(market, dice, start),
    )


def _stock(market: Market, dice: np.random.Generator, start: int) -> AnimalColumns:
    """Those who wait at the start, and who comes later."""
    coming = round(market.arrivals * market.days)
    pool = draw_animals(WorldSettings(animals=400, days=market.days, shelters=_SHELTERS), dice, END)
    kept = np.sort(dice.choice(len(pool), market.initial + coming, replace=False))
    stock = pool[kept]
    stock.listed[: market.initial] = start - dice.integers(0, 40 * DAY, market.initial)
    stock.listed[market.initial :] = np.sort(dice.integers(start, END, coming))
    return stock[np.argsort(stock.listed, kind="stable")]


def _sessions(market: Market, dice: np.random.Generator, start: int) -> tuple[Session, ...]:
    at = np.sort(dice.integers(start, END, market.sessions))
    # A few come often, most once or twice.
    keen = dice.gamma(0.8, size=market.visitors)
    visitor = dice.choice(market.visitors, market.sessions, p=keen / keen.sum())
    pages = np.minimum(dice.geometric(0.55, market.sessions), market.more)
    favourite = np.where(dice.random(market.visitors) < 0.5, 0, 1)
    looked_for = np.where(
        dice.random(market.sessions) < 0.5 * market.asks_species, favourite[visitor], -1
    )
    guest = dice.random(market.sessions) < market.guests
    bot = dice.random(market.sessions) < market.bots
    columns = (visitor, at, pages, looked_for, guest, bot)
    return tuple(
        Session(number, *row)
        for number, row in enumerate(zip(*(one.tolist() for one in columns), strict=True))
    )


def _codes(names: list[str]) -> Ints:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def _kilometres(here: Floats, there: Floats) -> Floats:
    """Over a flat earth, which is near enough within a market; shape (here, there)."""
    north = (here[:, None, 0] - there[None, :, 0]) * 111.2
    east = (here[:, None, 1] - there[None, :, 1]) * 111.2 * np.cos(np.radians(there[:, 0].mean()))
    return np.asarray(np.hypot(north, east))
