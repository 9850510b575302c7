"""Picks from boards: a Plackett-Luce term with an outside option, beside the term of pages."""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, log

import msgspec
import numpy as np

from pawsonalize.models.recipes.data import Floats, Ints, Singles


# A board shows a visitor some animals, of which they pick up to three, best first, or none. Each
# pick is a choice among the animals that are left; the first one is a choice among "none" as well.
class PickScale(msgspec.Struct, frozen=True):
    """Dependence of picks on log-odds: utility = scale * (log-odds beyond an average animal)."""

    scale: float = 1.0
    """1: a pick is as noisy as an opening; less: noisier."""
    # The log-odds of "none of these". An average visitor turns down one board of six in eleven.
    outside: float = -0.5


DEFAULT_PICKS = PickScale()
MIN_BOARDS, _MAX_BOARDS = 100, 1_000  # answered; with fewer, nothing is learned
_LEAST_GAIN = 1.0  # of log-likelihood; less is chance
_DRAWS = 128  # of a visitor's effects, and as many with the other sign
_LEAST, _MOST = 0.005, 3.0  # of a variance
# Standard deviations of the prior: of the log of a variance, of the log of the scale, of `outside`.
_SPREADS = 1.0, 1.0, 2.0


class AnsweredBoard(msgspec.Struct, frozen=True):
    """A board and what was picked of it; columns (animals,)."""

    traits: Ints
    """The codes of each animal's values by the order of `VISITOR_TRAITS`, (traits, animals)."""
    distance: Floats  # the factor `distance`
    # Log-odds to open each animal beyond those of an average one, but for the visitor's own.
    offset: Floats
    picks: tuple[int, ...]
    """The places that were picked, best first; empty for "none of these"."""


# A visitor's boards come back with each of their answers.
@lru_cache(maxsize=1024)
def _stages(boards: tuple[tuple[int, tuple[int, ...]], ...]) -> tuple[Floats, Floats]:
    """Animals that are left at each stage of boards (stages, animals + 1), and who is chosen.

    `boards` are numbers of animals, and picks. "None" is last.
    """
    size = sum(animals for animals, _ in boards)
    left = np.zeros((sum(max(len(picks), 1) for _, picks in boards), size + 1))
    chosen = np.zeros(size)
    stage = start = 0
    for animals, picks in boards:
        end, places = start + animals, [start + place for place in picks]
        left[stage, -1] = 1  # who has picked one said no more to "none"
        for before in range(max(len(picks), 1)):  # to stop says nothing of the rest
            left[stage, start:end] = 1
            left[stage, places[:before]] = 0
            stage += 1
        chosen[places] = 1
        start = end
    return left, chosen


class PickStages:
    """All choices on some boards; `gradient` is about their animals, one board after the other."""

    # Each answer to a visitor who picked is solved with it: few calls of numpy, each on all boards.
    def __init__(self, boards: Sequence[AnsweredBoard], learned: PickScale) -> None:
        self._scale = learned.scale
        answers = tuple([(len(board.offset), board.picks) for board in boards])
        self._left, self._chosen = _stages(answers)
        self._utilities = np.full(len(self._chosen) + 1, learned.scale * learned.outside)

    def gradient(self, odds: Floats) -> tuple[Floats, Floats, Floats]:
        """Gradient g, curvature h (animals,) and shares s (stages, animals) by the log-odds.

        The negative Hessian is diag(h) - s^T s.
        """
        scale = self._scale
        self._utilities[:-1] = scale * odds
        shares = self._left * np.exp(self._utilities)
        shares = (shares * (scale / shares.sum(axis=1, keepdims=True)))[:, :-1]
        total = shares.sum(axis=0)
        return scale * self._chosen - total, scale * total, shares


class LearnedPicks(msgspec.Struct, frozen=True):
    """Scale of picks and variances among visitors, as boards tell."""

    picks: PickScale
    variances: tuple[float, ...]
    """Of the effects of traits, by the order of `VISITOR_TRAITS`, and of distance."""


# A visitor's own taste is no noise. So the chance of an answer is its mean over effects that are
# drawn as visitors differ, and scale and variances are those which make all answers likeliest (a
# mixed logit by simulated likelihood; Train 2009). Boards say more of the variances than pages do,
# on which one animal in twenty is opened. Pages say more of how readily a visitor opens anything,
# which boards set against "none" alone.
def fit_picks(
    boards: Sequence[AnsweredBoard], anything: float, variances: Sequence[float]
) -> LearnedPicks | None:
    """Learn from the first boards of visitors, the oldest first.

    `variances` are the usual ones of traits and of distance, and `anything` is that of opening
    anything. None if there are too few boards, or if what each half says does not predict the other
    half better than what is usual.
    """
    if len(boards) < MIN_BOARDS:
        return None
    boards = boards[-_MAX_BOARDS:]
    usual = np.array([*np.log(variances), log(DEFAULT_PICKS.scale), DEFAULT_PICKS.outside])
    halves = [_Answers(boards[part::2], anything) for part in range(2)]
    found = [half.likeliest(usual, usual) for half in halves]
    gains = (
        half.log_chances(other)[0].sum() - half.log_chances(usual)[0].sum()
        for half, other in zip(halves, found[::-1], strict=True)
    )
    if sum(gains) < _LEAST_GAIN:
        return None
    middle = (found[0] + found[1]) / 2
    *learned, scale, outside = _Answers(boards, anything).likeliest(usual, middle).tolist()
    return LearnedPicks(PickScale(exp(scale), outside), tuple(map(exp, learned)))


class _Answers:
    """Answers to boards, and what visitors may make of the animals, by chance; "none" is last."""

    def __init__(self, boards: Sequence[AnsweredBoard], anything: float) -> None:
        count, dice = len(boards), np.random.default_rng(len(boards))
        size = max(len(one.offset) for one in boards)
        stages = max(1, *(len(one.picks) for one in boards))
        self._left = np.zeros((count, stages, size + 1), np.float32)
        self._chosen = np.zeros((count, 1, size + 1), np.float32)
        offset = np.zeros((count, 1, size), np.float32)
        # Of each trait and of distance, of a variance of 1, by board, draw and animal.
        self._effects = np.zeros(
            (len(boards[0].traits) + 1, count, 2 * _DRAWS, size + 1), np.float32
        )

        def drawn(values: int) -> Singles:
            half = dice.standard_normal((_DRAWS, values), np.float32)
            return np.concatenate([half, -half])

        for row, board in enumerate(boards):
            animals = len(board.offset)
            left, chosen = _stages(((animals, board.picks),))
            self._left[row, : len(left), :animals] = left[:, :-1]
            self._left[row, : len(left), -1] = left[:, -1]
            self._chosen[row, 0, :animals] = chosen
            self._chosen[row, 0, -1] = not board.picks
            offset[row, 0, :animals] = board.offset
            for kind, codes in enumerate(board.traits):
                self._effects[kind, row, :, :animals] = drawn(int(codes.max()) + 1)[:, codes]
            self._effects[-1, row, :, :animals] = drawn(1) * board.distance
        self._offset = offset + np.float32(anything**0.5) * np.array([drawn(1) for _ in boards])

    def likeliest(self, usual: Floats, start: Floats) -> Floats:
        """The likeliest parameters, with a normal prior about the usual ones."""
        from scipy.optimize import minimize  # noqa: PLC0415 - slow to import, only trainings need it

        kinds = len(self._effects)
        spreads = np.repeat(_SPREADS, [kinds, 1, 1])
        bounds = [*[(log(_LEAST), log(_MOST))] * kinds, (log(0.1), log(4.0)), (-4.0, 3.5)]

        def loss(at: Floats) -> tuple[float, Floats]:
            chances, slopes = self.log_chances(at)
            away = (at - usual) / spreads
            return away @ away / 2 - chances.sum(), away / spreads - slopes

        found = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"ftol": 1e-6},  # single precision says no more
        )
        return np.asarray(found.x)

    def log_chances(self, at: Floats) -> tuple[Floats, Floats]:
        """The log of the chance of each board's answer, and the slopes of their sum by `at`."""
        spreads, scale = np.exp(at[:-2] / 2).astype(np.float32), np.float32(np.exp(at[-2]))
        utilities = np.tensordot(spreads, self._effects, 1)
        utilities[:, :, :-1] += self._offset
        utilities[:, :, -1] = at[-1]
        utilities *= scale
        beyond = utilities - utilities.max(axis=2, keepdims=True)
        likes, goes_on = np.exp(beyond), self._left.sum(axis=2)[:, None] > 0
        total = np.where(goes_on, likes @ self._left.transpose(0, 2, 1), 1)
        total = np.maximum(total, np.finfo(np.float32).tiny)
        found = (beyond * self._chosen).sum(axis=2) - np.log(total).sum(axis=2)
        best = found.max(axis=1, keepdims=True)
        likely = np.exp(found - best)
        log_chances = np.log(likely.mean(axis=1)) + best[:, 0]
        likely /= likely.sum(axis=1, keepdims=True)
        slopes = likely[:, :, None] * (self._chosen - likes * ((goes_on / total) @ self._left))
        by_spread = self._effects.reshape(len(spreads), -1) @ slopes.ravel()
        by_scale, by_none = np.vdot(slopes, utilities), slopes[:, :, -1].sum()
        return log_chances, np.array([*scale * spreads / 2 * by_spread, by_scale, by_none * scale])
