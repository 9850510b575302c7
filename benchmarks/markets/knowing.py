"""Orders that nobody can have: they know what no site can, and say how far others can get."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from benchmarks.markets.draw import Drawn, Floats, Ints, looks
from benchmarks.markets.play import Ask, Picked, Shown, home_chance
from benchmarks.markets.rivals import Scoring, key_of
from benchmarks.markets.wishes import Liking, chances
from pawsonalize.models.recipes.choices.effects import looked_at
from pawsonalize.models.recipes.choices.own_effects import (
    VISITOR_VARIANCES,
    Watched,
    animal_effects,
    visitor_effects,
    visitor_posterior,
)
from pawsonalize.models.recipes.choices.picks import AnsweredBoard, PickScale
from pawsonalize.plugins.boards.giving import draw_board

_TRAITS = ("family", "size", "age", "colour")
_AS_USUAL = 0.01  # a variance where visitors do not differ
_PAGES = 60  # of a visitor's newest
_BOARDS = 3  # to a visitor
_TASTES = 4_000  # that are tried: of about 400 of them the words are likely
TAKEN_BACK = 1 / 3
_COMMON = 0.5
"""The weight of what everybody likes: of 0, 0.25, 0.5 and 1 the best. Favourites leave anyway."""


@dataclass
class Informed(Scoring):
    """Is told how the market works, and learns the rest, as any order has to.

    It knows what distance costs, what everybody likes of size, age, family and photos, how much
    animals and visitors differ beyond that, how much each place is looked at, and who is a bot.
    From what is opened it learns what is liked of each animal, and by each visitor. It explores
    nothing. Of boards it knows how noisy answers are, and learns from them what visitors like.
    """

    counts: Floats = field(init=False)
    """Opened, looked at and expected, shape (3, animals): see `animal_effects`."""
    pages: dict[int, list[Shown]] = field(default_factory=dict)
    """By visitor."""
    boards: dict[int, list[Picked]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        market, drawn = self.drawn.market, self.drawn
        self.counts = np.zeros((3, len(drawn.animals)))
        self._usual = _told_by_traits(drawn)
        self._attention = np.minimum(looks(market), 1 - 1e-6)
        differ = {name: float((drawn.taste[name] ** 2).mean()) + _AS_USUAL for name in _TRAITS}
        self._variances = dict.fromkeys(VISITOR_VARIANCES, _AS_USUAL) | differ
        self._hidden = market.hidden**2 + _AS_USUAL
        # The noise of an answer is Gumbel's and the whim's: as Gumbel noise of the same variance.
        self._picks = PickScale(1 / np.hypot(market.noise, market.whim * 6**0.5 / np.pi), 0.0)

    def scores(self, ask: Ask, there: Ints) -> Floats:
        everybody, far = self._everybody(), self._far(ask.session.visitor)
        return np.asarray((_COMMON * everybody + far + self._likes(ask, everybody + far))[there])

    def _everybody(self) -> Floats:
        opened, looked, expected = self.counts
        return self._usual + animal_effects(opened, looked, expected, self._hidden)

    def _likes(self, ask: Ask, everybody: Floats) -> Floats:
        """What the visitor likes beyond what everybody from that home does, by animal."""
        total = np.zeros(len(everybody))
        watched, boards = self._watched(ask, everybody), self._answered(ask, everybody)
        if not len(watched.opened) and not boards:
            return total
        found = visitor_effects(watched, self._variances, boards, self._picks)
        for row, name in enumerate(_TRAITS, start=2):
            values = self.drawn.values[name]
            total += found.of(row, int(values.max()) + 1)[values]
        return total

    def _watched(self, ask: Ask, everybody: Floats) -> Watched:
        known = self.pages.get(key_of(ask), [])[-_PAGES:]
        nobody, not_opened = np.empty(0, np.int64), np.empty(0, np.bool_)
        animals = np.concatenate([nobody, *(one.page for one in known)])
        place = np.concatenate([nobody, *(np.arange(len(one.page)) for one in known)])
        return Watched(
            self._traits(animals),
            np.zeros(len(animals)),
            self.drawn.opening + everybody[animals],
            self._attention[place],
            np.concatenate([not_opened, *(one.opened for one in known)]),
        )

    def _answered(self, ask: Ask, everybody: Floats) -> list[AnsweredBoard]:
        return [
            AnsweredBoard(
                self._traits(one.board),
                np.zeros(len(one.board)),
                everybody[one.board] - self.drawn.usual,
                one.picks,
            )
            for one in self.boards.get(key_of(ask), [])
            if one.picks is not None
        ]

    def _traits(self, animals: Ints) -> Ints:
        same = np.zeros(len(animals), np.int64)  # species and breeds, which nobody here likes
        return np.array([same, same, *(self.drawn.values[name][animals] for name in _TRAITS)])

    def board(self, ask: Ask, size: int) -> Ints:
        """Those that tell most, by the service's own choice, of all that are there."""
        visitor, known = ask.session.visitor, self.boards.get(key_of(ask), [])
        there = ask.there[~self.drawn.refused(visitor, ask.there)]
        if len(known) >= _BOARDS or len(there) < size:
            return there[:0]
        everybody = self._everybody() + self._far(visitor)
        watched, boards = self._watched(ask, everybody), self._answered(ask, everybody)
        own = visitor_effects(watched, self._variances, boards, self._picks)
        traits, far = self._traits(there), np.zeros(len(there))
        posterior = visitor_posterior(own, self._variances, traits, far)
        odds = everybody[there] + posterior.mean
        rows = np.arange(len(there))
        dice = np.random.default_rng((self.drawn.seed, 9, ask.session.number))
        samples = np.tile(rows, (size, 1))
        found = draw_board(posterior, odds, rows, samples, self._picks.scale, dice)
        return there[[row for row, _ in found]]

    def hear_picks(self, picked: Picked) -> None:
        self.boards.setdefault(key_of(picked.ask), []).append(picked)

    def _far(self, visitor: int) -> Floats:
        return np.asarray(-self.drawn.market.far * self.drawn.kilometres[visitor] / 100)

    def hear(self, shown: Shown) -> None:
        session, page = shown.ask.session, shown.page
        if session.is_bot:
            return
        usual = self.drawn.opening + (self._usual + self._far(session.visitor))[page]
        chance = expit(usual)
        looked = looked_at(self._attention[: len(page)], chance, shown.opened)
        self.counts[:, page] += shown.opened, looked, looked * chance
        self.pages.setdefault(key_of(shown.ask), []).append(shown)


def _told_by_traits(drawn: Drawn) -> Floats:
    """The part of the appeal that size, age, family and photos tell, by ridge regression."""
    columns = [
        np.eye(int(drawn.values[name].max()) + 1)[drawn.values[name]] for name in _TRAITS[:3]
    ]
    known = np.concatenate([*columns, np.minimum(drawn.photos, 3)[:, None] / 3], axis=1)
    doubt = (drawn.market.hidden / drawn.market.shown) ** 2
    weights = np.linalg.solve(
        known.T @ known + doubt * np.eye(known.shape[1]), known.T @ drawn.appeal
    )
    return np.asarray(known @ weights)


@dataclass
class Acquainted(Scoring):
    """Knows all but whims; tastes from the second page of a user on, or of a guest's session.

    The tastes of whom it never saw are in no page: no order can know them.
    """

    met: set[int] = field(default_factory=set)

    def scores(self, ask: Ask, there: Ints) -> Floats:
        visitor = ask.session.visitor
        if key_of(ask) in self.met:
            return self.drawn.expected(visitor, there)
        return self.drawn.expected_of_anybody(visitor, there)

    def hear(self, shown: Shown) -> None:
        self.met.add(key_of(shown.ask))


class Told(Informed):
    """Knows all but tastes and whims, and learns tastes from pages and boards as the informed does.

    It takes back a part of what everybody likes, as a price.
    """

    def scores(self, ask: Ask, there: Ints) -> Floats:
        everybody, far = self._everybody(), self._far(ask.session.visitor)
        likes = self._likes(ask, everybody + far)
        return np.asarray((everybody + self.price() + far + likes)[there])

    def price(self) -> Floats:
        """What each animal loses, as it finds a home anyway."""
        return np.asarray(-TAKEN_BACK * self.drawn.appeal)

    def _everybody(self) -> Floats:
        return self.drawn.appeal


class Pages(NamedTuple):
    """Pages of one order that knows as much as any could."""

    unread: Ints
    read: Ints
    rules_first: Ints
    """The same, but the animals that obey every rule before all others."""


@dataclass
class Reader:
    """Knows all but tastes and whims; of tastes what the likings tell that a visitor wrote of.

    Tastes are drawn as the market draws them, and each counts by the chance that it writes so. So
    no order that remembers nothing of the visitor could have better pages for the words.
    """

    drawn: Drawn

    def __post_init__(self) -> None:
        dice = np.random.default_rng((self.drawn.seed, 13))
        self._tastes = {
            name: taste.std() * dice.standard_normal((_TASTES, taste.shape[1]))
            for name, taste in self.drawn.taste.items()
        }

    def pages(self, ask: Ask, size: int, likings: Sequence[Liking], obeying: Ints) -> Pages:
        """With and without those words; `obeying` are the animals that obey every rule in them."""
        drawn, visitor = self.drawn, ask.session.visitor
        there = ask.there[~drawn.refused(visitor, ask.there)]
        own = sum(taste[:, drawn.values[name][there]] for name, taste in self._tastes.items())
        homes = home_chance(drawn, drawn.expected_of_anybody(visitor, there) + own)
        read = chances(drawn, ask.session.species, likings, self._tastes) @ homes
        keys = (-homes.sum(axis=0),), (-read,), (-read, ~np.isin(there, obeying))
        return Pages(*(there[np.lexsort(one)[:size]] for one in keys))


class Ceiling(Scoring):
    """Knows all but whims."""

    def scores(self, ask: Ask, there: Ints) -> Floats:
        return self.drawn.expected(ask.session.visitor, there)


class Oracle(Scoring):
    """Knows whims as well."""

    def scores(self, ask: Ask, there: Ints) -> Floats:
        return (
            self.drawn.expected(ask.session.visitor, there)
            + self.drawn.luck(ask.session.number)[0][there]
        )


KNOWING: Mapping[str, Callable[[Drawn], Scoring]] = MappingProxyType(
    {
        "informed": Informed,
        "told": Told,
        "acquainted": Acquainted,
        "ceiling": Ceiling,
        "oracle": Oracle,
    }
)
"""By name."""
