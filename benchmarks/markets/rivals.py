"""What a site could do without us: orders to be measured against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from benchmarks.markets.draw import Drawn, Floats, Ints
from benchmarks.markets.play import Ask, Shown


def key_of(ask: Ask) -> int:
    """Whom the site takes the visitor for: guests are known by the session only."""
    session = ask.session
    return -1 - session.number if session.is_guest else session.visitor


@dataclass
class Scoring:
    """The animals of the highest score that are not known to be wrong for the home."""

    drawn: Drawn

    def page(self, ask: Ask, size: int) -> Ints:
        """The best, equals by the newest."""
        visitor = ask.session.visitor
        there = ask.there[~self.drawn.refused(visitor, ask.there)]
        scores = self.scores(ask, there)
        return there[np.lexsort((-self.drawn.listed[there], -scores))[:size]]

    def scores(self, _ask: Ask, there: Ints) -> Floats:
        """The higher, the better; newest first unless overridden."""
        return np.zeros(len(there))

    def hear(self, shown: Shown) -> None:
        """Most learn nothing."""


class Newest(Scoring):
    """Newest first."""


class Nearest(Scoring):
    """By the distance."""

    def scores(self, ask: Ask, there: Ints) -> Floats:
        return np.asarray(-self.drawn.kilometres[ask.session.visitor, there])


@dataclass
class Popular(Scoring):
    """By how often an animal was opened."""

    opened: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.opened = np.zeros(len(self.drawn.animals))

    def scores(self, _ask: Ask, there: Ints) -> Floats:
        return self.opened[there]

    def hear(self, shown: Shown) -> None:
        self.opened[shown.page[shown.opened]] += 1


@dataclass
class ContentProfile(Scoring):
    """Twenty lines that any site could write: openings per attention, of animals and of traits."""

    attention: Floats = field(init=False)
    opened: Floats = field(init=False)
    own: dict[int, dict[tuple[str, int], list[float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = len(self.drawn.animals)
        self.attention, self.opened = np.zeros(size), np.zeros(size)

    def scores(self, ask: Ask, there: Ints) -> Floats:
        total = 0.5 * np.log((self.opened[there] + 1) / (self.attention[there] + 20))
        own = self.own.get(key_of(ask), {})
        for name in ("size", "age", "family"):
            rates = {
                value: (own[name, value][0] + 0.5) / (own[name, value][1] + 5)
                for value in set(self.drawn.values[name][there].tolist())
                if (name, value) in own
            }
            total = total + np.log(
                [rates.get(value, 0.1) for value in self.drawn.values[name][there].tolist()]
            )
        return np.asarray(total - self.drawn.kilometres[ask.session.visitor, there] / 64)

    def hear(self, shown: Shown) -> None:
        attention = 1 / (1 + np.arange(len(shown.page))) ** 0.6
        self.attention[shown.page] += attention
        self.opened[shown.page] += shown.opened
        own = self.own.setdefault(key_of(shown.ask), {})
        for name in ("size", "age", "family"):
            values = self.drawn.values[name][shown.page].tolist()
            for value, seen, opened in zip(values, attention, shown.opened, strict=True):
                counted = own.setdefault((name, value), [0.0, 0.0])
                counted[0] += opened
                counted[1] += seen


SIMPLE: Mapping[str, Callable[[Drawn], Scoring]] = MappingProxyType(
    {
        "newest": Newest,
        "nearest": Nearest,
        "popular": Popular,
        "content profile": ContentProfile,
    }
)
"""Orders that a site could have without us, by name."""
