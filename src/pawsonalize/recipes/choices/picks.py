"""Picks from boards: a Plackett-Luce term with an outside option, beside the term of pages."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np

from pawsonalize.recipes.data import Floats, Ints


# A board shows a visitor some animals, of which they pick up to three, best first, or none. Each
# pick is a choice among the animals that are left; the first one is a choice among "none" as well.
class PickScale(msgspec.Struct, frozen=True):
    """Dependence of picks on log-odds: utility = scale * (log-odds beyond an average animal)."""

    scale: float = 1.0
    """1: a pick is as noisy as an opening; less: noisier."""
    # The log-odds of "none of these". An average visitor turns down one board of six in eleven.
    outside: float = -0.5


DEFAULT_PICKS = PickScale()
MIN_BOARDS = 100  # answered; with fewer, nothing is learned
_PARTS = 5
_DRAWS = 64  # of a visitor's effects: twice as many move no scale by a step
_SCALES = np.array([0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75, 1.0, 1.4, 2.0, 2.8, 4.0])
_OUTSIDES = np.arange(-4.0, 3.5, 0.5)
_MOST = 100.0  # log-odds: beyond them `exp` of four times as much would not be a number
_DEFAULT_PLACE = (
    int(np.flatnonzero(DEFAULT_PICKS.scale == _SCALES)[0]),
    int(np.flatnonzero(DEFAULT_PICKS.outside == _OUTSIDES)[0]),
)


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


# Visitors differ, and a board was mostly given to one of whom little was known. So the chance of an
# answer is its mean over effects that are drawn as visitors differ, and the scale is that which
# makes all answers likeliest: a visitor's own taste is no noise.
def fit_picks(boards: Sequence[AnsweredBoard], variances: Sequence[float]) -> PickScale:
    """Learn the scale from boards; `variances` are in the order of `KINDS`."""
    # The default if there are too few, or if each fifth is not predicted better by what the others
    # say.
    if len(boards) < MIN_BOARDS:
        return DEFAULT_PICKS
    spread, dice = np.sqrt(variances), np.random.default_rng(len(boards))
    table = np.array([_log_likelihoods(board, spread, dice) for board in boards])
    part = np.arange(len(boards)) % _PARTS
    held_out = sum(
        table[part == one, *_likeliest(table[part != one])].sum() for one in range(_PARTS)
    )
    if held_out <= table[:, *_DEFAULT_PLACE].sum():
        return DEFAULT_PICKS
    scale, outside = _likeliest(table)
    return PickScale(float(_SCALES[scale]), float(_OUTSIDES[outside]))


def _likeliest(table: Floats) -> tuple[int, int]:
    place = np.unravel_index(int(table.sum(axis=0).argmax()), table.shape[1:])
    return int(place[0]), int(place[1])


def _log_likelihoods(board: AnsweredBoard, spread: Floats, dice: np.random.Generator) -> Floats:
    """The log of the chance of a board's answer, by scale and by outside option."""
    odds = np.tile(board.offset, (_DRAWS, 1)) + spread[0] * dice.standard_normal((_DRAWS, 1))
    for codes, own in zip(board.traits, spread[1:], strict=False):
        values, which = np.unique(codes, return_inverse=True)
        odds += own * dice.standard_normal((_DRAWS, len(values)))[:, which]
    odds += spread[-1] * dice.standard_normal((_DRAWS, 1)) * board.distance
    odds = np.clip(odds, -_MOST, _MOST)
    likes = np.exp(_SCALES[:, None, None] * odds)  # (scales, draws, animals)
    outside = np.exp(_SCALES[:, None] * _OUTSIDES)[:, :, None]  # (scales, outsides, 1)
    first = likes[:, None, :, board.picks[0]] if board.picks else outside
    chances = first / (outside + likes.sum(axis=2)[:, None])
    left = np.ones(len(board.offset), np.bool_)
    for before, place in pairwise(board.picks):
        left[before] = False
        chances *= (likes[:, :, place] / likes[:, :, left].sum(axis=2))[:, None]
    return np.asarray(np.log(np.maximum(chances.mean(axis=2), np.finfo(np.float64).tiny)))
