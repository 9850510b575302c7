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
    own: dict[int, dict[str, Floats]] = field(default_factory=dict)
    """By visitor and trait: opened and attention of each value, shape (2, values)."""

    def __post_init__(self) -> None:
        size = len(self.drawn.animals)
        self.attention, self.opened = np.zeros(size), np.zeros(size)

    def scores(self, ask: Ask, there: Ints) -> Floats:
        total = 0.5 * np.log((self.opened[there] + 1) / (self.attention[there] + 20))
        for name, (opened, attention) in self._of(ask).items():
            total = total + np.log((opened + 0.5) / (attention + 5))[self.drawn.values[name][there]]
        return np.asarray(total - self.drawn.kilometres[ask.session.visitor, there] / 64)

    def hear(self, shown: Shown) -> None:
        attention = 1 / (1 + np.arange(len(shown.page))) ** 0.6
        self.attention[shown.page] += attention
        self.opened[shown.page] += shown.opened
        own = self.own.setdefault(key_of(shown.ask), self._of(shown.ask))
        for name, counted in own.items():
            values = self.drawn.values[name][shown.page]
            np.add.at(counted[0], values, shown.opened)
            np.add.at(counted[1], values, attention)

    def _of(self, ask: Ask) -> dict[str, Floats]:
        """What the visitor did; nothing yet of a new one."""
        known = self.own.get(key_of(ask))
        return known or {
            name: np.zeros((2, int(self.drawn.values[name].max()) + 1))
            for name in ("size", "age", "family")
        }


SIMPLE: Mapping[str, Callable[[Drawn], Scoring]] = MappingProxyType(
    {
        "newest": Newest,
        "nearest": Nearest,
        "popular": Popular,
        "content profile": ContentProfile,
    }
)
"""Orders that a site could have without us, by name."""
