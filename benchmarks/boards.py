"""Gain of a board: how far the next page moves towards the one that is best for its visitor.

    python -m benchmarks.boards [--visitors 800] [--json]

Each visitor likes the traits of 600 animals by the default variances. Without a board a page has
the ten animals that everybody likes best. The way from there, 0, to the ten that this visitor
likes best, 1, is measured in log-odds to open an animal.
"""

import argparse
import json
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from pawsonalize.models.recipes.choices.effects import VISITOR_TRAITS, usual_attention
from pawsonalize.models.recipes.choices.own_effects import (
    VISITOR_VARIANCES,
    VisitorEffects,
    Watched,
    visitor_effects,
    visitor_posterior,
)
from pawsonalize.models.recipes.choices.picks import AnsweredBoard, PickScale
from pawsonalize.models.recipes.data import Floats, Ints
from pawsonalize.plugins.boards.giving import SAMPLED, draw_board

_ANIMALS, _BEST, _PAGE = 600, 10, 20
_VALUES = {"species": 3, "breed": 60, "family": 20, "size": 4, "age": 4, "colour": 10}
_INTERCEPT = -2.5


@dataclass(frozen=True)
class Ask:
    """A way to ask one visitor."""

    size: int = 6
    picks: int = 1
    boards: int = 1
    pages: int = 0  # that were shown before
    noise: float = 1.0  # of the picks, beside that of openings
    believed: float = 1.0  # the noise that the service expects
    evenly: bool = False  # True if chance alone chooses the animals


ASKS = {
    "six drawn evenly, one pick": Ask(evenly=True),
    "six, one pick": Ask(),
    "twelve, one pick": Ask(size=12),
    "six, three picks": Ask(picks=3),
    "nine, three picks": Ask(size=9, picks=3),
    "twelve, three picks": Ask(size=12, picks=3),
    "three boards of six, one pick each": Ask(boards=3),
    "no board, after two pages": Ask(boards=0, pages=2),
    "six, one pick, after two pages": Ask(pages=2),
    "six, one pick 2.4 times as noisy, believed as if it were not": Ask(noise=2.4),
    "the same, with the scale that is learned": Ask(noise=2.4, believed=2.4),
}


class Visit:
    """One visitor among the animals of one shelter."""

    def __init__(self, seed: int) -> None:
        self._dice = dice = np.random.default_rng(seed)
        rare = {name: dice.zipf(1.3, _ANIMALS) % count for name, count in _VALUES.items()}
        self._traits: Ints = np.array([rare[name] for name in VISITOR_TRAITS])
        self._appeal = 0.5 * dice.standard_normal(_ANIMALS)
        own = sum(
            np.sqrt(VISITOR_VARIANCES[name]) * dice.standard_normal(_VALUES[name])[codes]
            for name, codes in zip(VISITOR_TRAITS, self._traits, strict=True)
        )
        self._liked = self._appeal + own
        kinds = self._traits[[VISITOR_TRAITS.index(one) for one in ("breed", "size", "age")]]
        self._alike = np.unique(kinds, axis=1, return_inverse=True)[1].reshape(-1)

    def value(self, order: Floats) -> float:
        """The mean log-odds of the ten animals that an order puts first."""
        return float(self._liked[np.argsort(-order)[:_BEST]].mean())

    def bounds(self) -> tuple[float, float]:
        """The values of the page for an unknown visitor, and of the best one."""
        return self.value(self._appeal), self.value(self._liked)

    def after(self, ask: Ask) -> float:
        """The value of the page after the visitor was asked."""
        answered: list[AnsweredBoard] = []
        learned = PickScale(scale=1 / ask.believed)
        watched = self._watched(ask.pages)
        left = np.arange(_ANIMALS)
        for _ in range(ask.boards):
            known = self._known(watched, answered, learned)
            board = self._board(ask, known, learned, left)
            answered.append(self._answer(board, ask))
            left = np.setdiff1d(left, board[[*answered[-1].picks]])  # nobody is picked twice
        return self.value(self._expected(self._known(watched, answered, learned)))

    def _known(
        self, watched: Watched, answered: list[AnsweredBoard], learned: PickScale
    ) -> VisitorEffects:
        return visitor_effects(watched, VISITOR_VARIANCES, answered, learned)

    def _expected(self, known: VisitorEffects) -> Floats:
        nowhere = np.zeros(_ANIMALS)
        return (
            self._appeal + visitor_posterior(known, VISITOR_VARIANCES, self._traits, nowhere).mean
        )

    def _watched(self, pages: int) -> Watched:
        shown = np.argsort(-self._appeal)[: pages * _PAGE]
        attention = np.tile(usual_attention(_PAGE), pages)
        chance = attention * expit(_INTERCEPT + self._liked[shown])
        return Watched(
            self._traits[:, shown],
            np.zeros(len(shown)),
            _INTERCEPT + self._appeal[shown],
            attention,
            self._dice.random(len(shown)) < chance,
        )

    def _board(self, ask: Ask, known: VisitorEffects, learned: PickScale, left: Ints) -> Ints:
        if ask.evenly:
            return self._dice.choice(left, ask.size, replace=False)
        posterior = visitor_posterior(known, VISITOR_VARIANCES, self._traits, np.zeros(_ANIMALS))
        samples = np.array(
            [self._dice.choice(left, SAMPLED, replace=False) for _ in range(ask.size)]
        )
        odds = self._appeal + posterior.mean
        found = draw_board(posterior, odds, self._alike, samples, learned.scale, self._dice)
        return np.array([row for row, _ in found])

    def _answer(self, board: Ints, ask: Ask) -> AnsweredBoard:
        noisy = self._liked[board] + ask.noise * self._dice.gumbel(size=len(board))
        none = PickScale().outside + ask.noise * self._dice.gumbel()
        best = np.argsort(-noisy)[: ask.picks]
        picks = tuple(best.tolist()) if noisy[best[0]] > none else ()
        return AnsweredBoard(
            self._traits[:, board], np.zeros(len(board)), self._appeal[board], picks
        )


def measure(visitors: int) -> dict[str, dict[str, float]]:
    """The way of each kind of ask, with its standard error."""
    bounds = np.array([Visit(seed).bounds() for seed in range(visitors)])
    whole = bounds[:, 1] - bounds[:, 0]
    found = {}
    for name, ask in ASKS.items():
        gained = np.array([Visit(seed).after(ask) for seed in range(visitors)]) - bounds[:, 0]
        way = float(gained.mean() / whole.mean())
        error = float((gained - way * whole).std() / whole.mean() / np.sqrt(visitors))
        found[name] = {"way": round(way, 3), "error": round(error, 3)}
    return found


def main() -> None:
    """Measure, and print each kind of ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=800)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.visitors)
    if options.json:
        print(json.dumps(found))
        return
    for name, one in found.items():
        print(f"{name:60} {one['way']:.2f} ± {one['error']:.2f}")


if __name__ == "__main__":
    main()
