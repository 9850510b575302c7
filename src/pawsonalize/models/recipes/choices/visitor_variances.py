"""Variances among visitors, from pairs of places that one visitor was shown (method of moments).

Two animals of one size are opened by one visitor more often than by chance as far as visitors
differ about sizes. The spread of fitted effects says far too little where most visitors opened one
or two animals.
"""

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.models.recipes.choices.effects import (
    VISITOR_TRAITS,
    Effects,
    ShownPlaces,
    log_odds,
    mean_chances,
    together,
)
from pawsonalize.models.recipes.choices.own_effects import (
    ANYTHING,
    DISTANCE,
    KINDS,
    VISITOR_VARIANCES,
)
from pawsonalize.models.recipes.data import Bools, Floats, Ints

_ROWS = 200_000  # of the newest
_ROUNDS, _SHIFTS = 3, 3
_DOUBT = 0.3  # standard deviation of variances about the usual ones…
_DOUBT_OF_STOPS = 3.0  # …and of how far visitors stop on their way down, of which nothing is usual
_LEAST, _MOST = 0.005, 3.0
_MOST_TOGETHER = 6.0
_APART = 0.05  # share of a visitor's pairs on different pages, from which they tell enough


class Residuals(msgspec.Struct, frozen=True):
    """The part of each row that a model left unexplained, shape (rows,)."""

    pull: Floats
    """Opened less expected, by the slope of log-likelihood."""
    firm: Floats
    """The rise of that with the log-odds."""
    expected: Floats
    """The expected part of it."""
    attention: Floats
    bend: float
    """The curvature of chances by log-odds over their slope."""

    def only(self, rows: Bools) -> "Residuals":
        """The same, as if nothing was known of the other rows."""
        return replace(
            self, pull=self.pull * rows, firm=self.firm * rows, expected=self.expected * rows
        )


class VisitorPairs:
    """Pairs of rows of one visitor that share the values of an effect, for each of `KINDS`."""

    def __init__(self, shown: ShownPlaces) -> None:
        # An animal that was opened is in no later row of the visitor, so those who like it are in
        # fewer of them: only the first time that a visitor is shown an animal tells.
        first = np.unique(together(shown.visitor, shown.animal), return_index=True)[1]
        self.rows = rows = shown.take(np.sort(first)[-_ROWS:])
        visitor = together(rows.visitor)
        codes = [together(visitor, rows.traits[name][rows.animal]) for name in VISITOR_TRAITS]
        codes = [visitor, *codes, visitor]
        self._columns = [*[np.ones(len(rows))] * (len(codes) - 1), rows.factors["distance"]]
        self._squares = np.array([float((column**2).mean()) for column in self._columns])
        self._codes = {
            (one, other): codes[one] if one == other else together(codes[one], codes[other])
            for one in range(len(codes))
            for other in range(one, len(codes))
        }
        page = rows.pages()
        self._on_page = [_PagePairs(one, page) for one in codes]

    def variances(self, found: Effects) -> dict[str, float]:
        """Variances of what visitors make of animals beyond everybody's effects, by `KINDS`."""
        learned, _ = self.learn(found)
        return dict(zip(VISITOR_VARIANCES, learned.tolist(), strict=True))

    def unexplained(self, found: Effects) -> float:
        """The variance of log-odds among visitors, less that of what was known of them."""
        learned, _ = self.learn(found)
        known = found.weights["visitor"] * self.rows.factors["visitor"]
        return float(np.clip(self.sums(learned) - known.var(), 0.0, _MOST_TOGETHER))

    def sums(self, variances: Floats) -> Floats:
        """The variances of log-odds to which those of the kinds add up, shape (..., kinds)."""
        return np.asarray(variances @ self._squares)

    def learn(self, found: Effects) -> tuple[Floats, Residuals]:
        """Variances (kinds,), and the residuals from which they were solved."""
        rows, learned = self.rows, np.array(list(VISITOR_VARIANCES.values()))
        # Without what was known of the visitors, whose spread is to be found.
        odds = log_odds(rows, found) - found.weights["visitor"] * rows.factors["visitor"]
        seeing = found.attention[rows.place]
        for _ in range(_ROUNDS):
            spread = min(float(self.sums(learned)), _MOST_TOGETHER)
            for _ in range(_SHIFTS):  # without their effects visitors open less, or more
                chance, rise = mean_chances(odds, spread)
                weight = rise / chance / (1 - seeing * chance)
                pull = weight * (rows.opened - seeing * chance)
                firm = weight * seeing * rise
                odds = odds + float(np.clip(pull.sum() / firm.sum(), -1, 1))
            bend = 1 - 2 * float(firm**2 @ chance / (firm @ firm))
            left = Residuals(pull, firm, weight * seeing * chance, seeing, bend)
            learned = self.solve(left, learned)
        return learned, left

    def solve(self, left: Residuals, before: Floats, *, signed: bool = False) -> Floats:
        """Variances (kinds,) from residuals.

        Given variances of `before`, the curvature says how much more than in proportion chances
        rise together. If `signed`, a variance may come out below 0 by chance.
        """
        from scipy.optimize import nnls  # noqa: PLC0415 - slow to import, only trainings need it

        kinds, prior = len(self._columns), np.array([*VISITOR_VARIANCES.values(), 0.0])
        explained, shared = np.zeros(kinds + 1), np.zeros((kinds + 1, kinds + 1))
        # Pairs of one kind share other kinds as well, as animals of one size often are of one
        # breed: so the variances are the solution of a system, and not one quotient each.
        for (one, other), codes in self._codes.items():
            if one == other:
                explained[one] = _sum_of_pairs(codes, left.pull * self._columns[one])
            weight = left.firm * self._columns[one] * self._columns[other]
            share = _sum_of_pairs(codes, weight) * _rise(left, before, one, other)
            shared[one, other] = shared[other, one] = share
        # Who goes down a page until they stop looks at a place and at all above it. Then places of
        # one page are chosen together by those who went far, whatever visitors like. How far this
        # is so, from 0 to 1, is the last unknown of the system.
        upper, lower = left.expected * (1 / left.attention - 1), left.expected
        explained[-1] = self._on_page[0].sum(left.pull * upper, left.pull * lower)
        shared[-1, -1] = self._on_page[0].sum(upper**2, lower**2)
        for one, (column, on_page) in enumerate(zip(self._columns, self._on_page, strict=True)):
            shared[one, -1] = on_page.sum(upper * column, lower * column)
            shared[-1, one] = on_page.sum(upper * left.firm * column, lower * left.firm * column)
        self._leave_out_pages(explained, shared, left, before)
        scale = np.sqrt(np.maximum(np.diag(shared), 1e-12))
        # By chance alone the sum of a kind's pairs has a variance of twice `scale` squared. What is
        # usual counts as much as its own doubt allows: kinds with few pairs stay near it.
        known = 2 / (np.array([*[_DOUBT] * kinds, _DOUBT_OF_STOPS]) * scale) ** 2
        system = shared / scale[:, None] / scale + np.diag(known)
        wanted = explained / scale + known * prior * scale
        if signed:
            return np.asarray((np.linalg.solve(system, wanted) / scale)[:-1])
        # Non-negative least squares, since a variance is.
        return np.clip((nnls(system, wanted)[0] / scale)[:-1], _LEAST, _MOST)

    def _leave_out_pages(
        self, explained: Floats, shared: Floats, left: Residuals, before: Floats
    ) -> None:
        """Take pairs of one page out of the equations of anything and of distance.

        All animals of a page are alike in these, so a page that was gone through to its end looks
        much like a visitor who opens anything, or who goes far. Where there are hardly any other
        pairs they stay.
        """
        for one in (KINDS.index(ANYTHING), KINDS.index(DISTANCE)):
            of_page = np.zeros(len(KINDS))
            for other, on_page in enumerate(self._on_page):
                weight = left.firm * self._columns[one] * self._columns[other]
                of_page[other] = on_page.sum(weight, weight) * _rise(left, before, one, other)
            if of_page[one] <= (1 - _APART) * shared[one, one]:
                pull = left.pull * self._columns[one]
                explained[one] -= self._on_page[one].sum(pull, pull)
                shared[one] -= [*of_page, shared[one, -1]]


class _PagePairs:
    """Pairs of rows of one code that stand on one page, the upper place first."""

    def __init__(self, codes: Ints, page: Ints) -> None:
        both = together(codes, page)
        self._order = np.argsort(both, kind="stable")  # rows of a page are in the order of places
        ordered = both[self._order]
        self._first = np.searchsorted(ordered, ordered)

    def sum(self, upper: Floats, lower: Floats) -> float:
        """Twice the sum of upper * lower over the pairs."""
        above = np.cumsum(upper[self._order]) - upper[self._order]
        return 2 * float(lower[self._order] @ (above - above[self._first]))


def _rise(left: Residuals, before: Floats, one: int, other: int) -> float:
    """Factor by which chances that share these two kinds rise together beyond proportion."""
    in_common = float(before[list({0, one, other})].sum())  # and how readily anything is opened
    return 1 + left.bend**2 * in_common / 2


def _sum_of_pairs(codes: Ints, values: Floats) -> float:
    # All pairs at once: (sum of x)^2 less the sum of x^2.
    sums = np.bincount(codes, values)
    return float(sums @ sums - values @ values)
