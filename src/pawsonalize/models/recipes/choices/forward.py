"""A shelter's market, played forward by what a training learned of it.

What everybody likes finds a home anyway, so an order that puts it first for everybody wastes places
(see `bid_prices`). How much of it an order should take back depends on the market: how many come,
how many visit, how much visitors differ. So it is found by playing the days to come.
"""

from collections.abc import Iterator

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.models.plays import USUAL_EXPOSURE, USUAL_PRICE, Play, Plays
from pawsonalize.models.recipes.choices.effects import mean_chances
from pawsonalize.models.recipes.choices.own_effects import animal_effects, bid_prices
from pawsonalize.models.recipes.choices.scales import MANY_SHOWINGS
from pawsonalize.models.recipes.data import Bools, Floats, Ints
from pawsonalize.models.recipes.late_scipy import special

_PRICES = (0.0, USUAL_PRICE, 2 / 3, 1.0)
_EXPOSURES = (0.0, USUAL_EXPOSURE, 1.0)
_DAYS = 120
_DAYS_BETWEEN = 3  # two estimates of newcomers' effects, which take as long as all pages of a day
_SEEDS = 6
_WEEKS, _TRIES = 6, 3
_VISITS = 200  # from which openings of a visit are found
_PAIRS = 10_000  # of visits and animals in a day; of a larger market fewer are played
_MOST_HOMES = 0.1  # for an opening; with more, some visitors would want several animals
_MARGIN = 0.03  # of days waited and of the hardest fifth, that is allowed for luck
_LUCK = 0.02  # of homes, between two plays
_HARD = 0.2


class Market(msgspec.Struct, frozen=True):
    """Numbers of a shelter's market; log-odds as in the model of choices."""

    appeal: Floats
    """By attributes, of the animals that are or were there lately, shape (animals,)."""
    own: Floats
    """Their own effects beyond that."""
    is_there: Bools
    """True for those who wait now; all of them are alike to those who will come."""
    arrivals: float  # a day
    visits: float  # a day
    attention: Floats
    """Of each place that a visit is shown, one page after the other."""
    intercept: float
    own_variance: float
    known: float
    """Variance over animals of what is known of a visitor's likings and distance."""
    unexplained: float
    """Variance of what is not."""
    homes: float  # a day, by now
    home_rate: float
    """See `bid_prices`."""
    exploration: float = 0.1
    """The share of places that chance fills."""
    homes_per_opening: float = 0.0
    """As many as bring those homes; found by a play."""

    @property
    def crowd(self) -> float:
        """The number of visits that one played visit stands for: it brings as many homes."""
        most = _MOST_HOMES / max(self.homes_per_opening, 1e-9)
        return max(1.0, min(most, self._pairs / _PAIRS))

    @property
    def part(self) -> float:
        """Share of animals and visitors that is played: below 1 where `crowd` thins too little."""
        # With fewer animals, a page is a larger share of them, and an order matters less.
        return min(1.0, float((_PAIRS * self.crowd / max(self._pairs, 1e-9)) ** 0.5))

    @property
    def _pairs(self) -> float:
        return self.visits * int(self.is_there.sum())


def find_weights(market: Market, learned_by_board: float) -> Plays:
    """Play the market under several weights; the first row is the best.

    That is the one with most homes, without longer waits and with no fewer homes for the hardest
    fifth than without any price, but for luck. A board tells `learned_by_board` of `unexplained`,
    as a share. Empty where no animal waits.
    """
    if not market.is_there.any():
        return ()
    market = replace(market, homes_per_opening=_homes_per_opening(market))
    plays = [_play(market, price, USUAL_EXPOSURE) for price in _PRICES]
    fair = _fair(plays, plays[0])
    most = max(play.homes for play in fair) * (1 - _LUCK)
    # Of those with as many homes, but for luck, the one with the shortest waits.
    best = min((play for play in fair if play.homes >= most), key=lambda play: play.days)
    others = [
        _play(market, best.price, exposure) for exposure in _EXPOSURES if exposure != best.exposure
    ]
    # Another exposure than usual has to bring more than luck does.
    more = [one for one in _fair(others, plays[0]) if one.homes > best.homes * (1 + _LUCK)]
    best = max(more, key=lambda play: play.homes) if more else best
    gain = learned_by_board * market.unexplained
    answered = replace(market, known=market.known + gain, unexplained=market.unexplained - gain)
    usual = market.exploration
    explored = [
        _play(replace(market, exploration=share), best.price, best.exposure)
        for share in sorted({usual / 2, min(1.0, usual * 2)} - {usual})
    ]
    rest = [play for play in (*plays, *others) if play is not best]
    answers = _play(answered, best.price, best.exposure, boards=True)
    return (best, *rest, *explored, answers)


def _homes_per_opening(market: Market) -> float:
    """The chance that an opened animal finds a home, by which as many do in a day as by now."""
    # By the openings of a first day at first. But favourites leave first, so more is needed to
    # keep that up for some weeks.
    first = _Run(market, USUAL_PRICE, USUAL_EXPOSURE, 0).openings()
    chance = min(1.0, market.homes / max(market.visits * first, 1e-9))
    for _ in range(_TRIES):
        tried = replace(market, homes_per_opening=chance)
        runs = [_Run(tried, USUAL_PRICE, USUAL_EXPOSURE, seed) for seed in range(_SEEDS)]
        homes = float(np.mean([run.play(_WEEKS * 7)[0] for run in runs]))
        wanted = market.homes * tried.part * _WEEKS * 7
        chance = min(1.0, chance * float(np.clip(wanted / max(homes, 1e-9), 0.5, 2.0)) ** 1.5)
    return chance


def _fair(plays: list[Play], without: Play) -> list[Play]:
    """Those without longer waits and a worse hardest fifth than the play without any price."""
    return [
        play
        for play in plays
        if play.days <= without.days * (1 + _MARGIN) and play.hardest >= without.hardest - _MARGIN
    ]


def _play(market: Market, price: float, exposure: float, *, boards: bool = False) -> Play:
    runs = np.array([_Run(market, price, exposure, seed).play() for seed in range(_SEEDS)])
    homes, visits, waited, hardest = runs.mean(axis=0).tolist()
    return Play(
        price,
        exposure,
        round(market.exploration, 3),
        boards,
        homes=round(1_000 * homes / max(visits, 1), 2),
        days=round(waited / max(homes, 1), 2),
        hardest=round(hardest, 3),
    )


class _Run:
    """One run: the same animals and visitors come for every order of one seed."""

    def __init__(self, market: Market, price: float, exposure: float, seed: int) -> None:
        self._market, self._price, self._exposure = market, price, exposure
        self._dice = dice = np.random.default_rng((seed, 0))
        self._luck = np.random.default_rng((seed, 1))
        here = np.flatnonzero(market.is_there)
        stock = dice.choice(here, max(1, round(len(here) * market.part)), replace=False)
        coming = dice.poisson(market.arrivals * market.part, _DAYS)
        drawn = dice.integers(len(market.appeal), size=int(coming.sum()))
        self.appeal = market.appeal[np.concatenate([stock, drawn])]
        new = dice.normal(0, market.own_variance**0.5, len(drawn))
        # What is true of an animal's own effect; of those who wait it is known.
        self._own = np.concatenate([market.own[stock], new])
        self.arrival = np.repeat(np.arange(-1, _DAYS), [len(stock), *coming])
        self._waits = np.ones(len(self.appeal), np.bool_)
        self._shown, self._looked, self._opened = np.zeros((3, len(self.appeal)))
        self._known_own = np.where(self.arrival < 0, self._own, 0.0)

    def play(self, days: int = _DAYS) -> tuple[float, float, float, float]:
        """Homes, visits, days that animals waited, and the share of the hardest fifth homed."""
        a_day, crowd = self._market.visits * self._market.part, self._market.crowd
        homes = visits = waited = 0.0
        for day in range(days):
            there = np.flatnonzero(self._waits & (self.arrival < day))
            visiting = int(self._dice.poisson(a_day / crowd))
            waited += len(there)
            visits += visiting * crowd
            if day % _DAYS_BETWEEN == 0:
                self._learn(there)
            if len(there) and visiting:
                adopted = self._day(there, visiting)
                self._waits[adopted] = False
                homes += len(adopted)
        liked = self.appeal + self._own
        hardest = liked <= np.quantile(liked, _HARD)
        return homes, visits, waited, float((~self._waits)[hardest].mean())

    def openings(self) -> float:
        """The animals that a visit opens, of those that wait now."""
        self._day(np.flatnonzero(self.arrival < 0), _VISITS)
        return float(self._opened.sum()) / _VISITS

    def _day(self, there: Ints, visits: int) -> Ints:
        """Show pages to the visitors of a day; the animals that found a home."""
        market, luck = self._market, self._luck
        size = min(len(market.attention), len(there))
        usual = self.appeal[there] + self._known_own[there]
        score = usual + self._price * bid_prices(market.home_rate, usual)
        score -= self._exposure * np.log1p(self._shown[there]) / np.log1p(MANY_SHOWINGS)
        known = luck.normal(0, market.known**0.5, (visits, len(there)))
        page = np.argpartition(-(score + known), size - 1, axis=1)[:, :size]
        rows = np.arange(visits)[:, None]
        page = page[rows, np.argsort(-(score + known)[rows, page], axis=1)]
        chance = luck.random(page.shape) < market.exploration
        page = np.where(chance, luck.integers(len(there), size=page.shape), page)
        shown = there[page]
        likes = (self.appeal + self._own)[shown] + known[rows, page]
        likes += luck.normal(0, market.unexplained**0.5, page.shape)
        attention = market.attention[:size]
        opened = luck.random(page.shape) < attention * special.expit(market.intercept + likes)
        self._shown += np.bincount(shown.ravel(), minlength=len(self._shown))
        looked = np.broadcast_to(attention, page.shape).ravel()
        self._looked += np.bincount(shown.ravel(), looked, len(self._looked))
        self._opened += np.bincount(shown.ravel(), opened.ravel(), len(self._opened))
        wants = opened & (luck.random(page.shape) < market.homes_per_opening * market.crowd)
        return np.array(list(_homes(wants, shown)), np.int64)

    def _learn(self, there: Ints) -> None:
        """Estimate by now the own effects of those who came."""
        market, came = self._market, there[self.arrival[there] >= 0]
        differ = market.known + market.unexplained
        usual, _ = mean_chances(market.intercept + self.appeal[came], differ)
        opened, looked = self._opened[came], self._looked[came]
        self._known_own[came] = animal_effects(
            opened, looked, looked * usual, market.own_variance, differ
        )


def _homes(wants: Bools, shown: Ints) -> Iterator[int]:
    """The animals that are taken, by the first who wants each; a visitor takes one."""
    gone, served = set[int](), set[int]()
    for visit, place in np.argwhere(wants).tolist():
        animal = int(shown[visit, place])
        if visit not in served and animal not in gone:
            gone.add(animal)
            served.add(visit)
            yield animal
