"""Boards: when one is worth its place, the choice of its animals, and the answer.

A board is a question. Its animals are drawn one after the other by

    score = ln(1 + scale^2 * v / _SHARED) + _VALUE * u

v is the variance that is left of what the visitor makes of the animal beyond an average one, given
all that is known and as if each animal before had been answered (greedy D-optimal design). u is the
expected log-odds that the visitor opens it: the best page is also the best question, as one picks
with more care among animals that one likes (Viappiani and Boutilier 2010).

Each place is a draw by softmax(score / _TEMPERATURE) among `SAMPLED` animals, which chance alone
takes from all that may be shown. So every animal may be on a board, and its chance is known.
"""

import numpy as np
from msgspec.structs import replace

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.times import HOUR
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, Slots
from pawsonalize.engine.serving.animals.recommender import (
    AnimalRecommender,
    AnimalsAnswer,
    places_in_order,
)
from pawsonalize.engine.serving.animals.scoring import ScoringInputs, estimate
from pawsonalize.engine.serving.exploration import Explored
from pawsonalize.engine.serving.query import Query
from pawsonalize.kinds.resource import new_recommendation_id
from pawsonalize.recipes.choices.own_effects import VisitorPosterior
from pawsonalize.recipes.data import Floats, Ints
from pawsonalize.settings import Settings
from pawsonalize.storage.events.impressions import BOARD
from pawsonalize.wings.boards import BoardSettings

VISIT = HOUR
_NONE = 2  # answers "none of these" in a row: animals on boards are not what the visitor seeks
_MOST_LEFT = 3  # boards left alone among the visitor's newest answers: it is not to their taste
_WORTH = 0.1
"""Least variance of log-odds that is left. Three picks out of nine tell about a seventh of it (0.12
log-odds). Pages tell trainings of less variance than there is: 0.6 where visitors differ by 1.1."""
SAMPLED = 64  # animals at each place; more cost time and choose hardly better
_SHARED = 2.0  # a pick says as much of an animal as a choice between so many
_VALUE = 0.5
_TEMPERATURE = 0.1


class BoardRule:
    """The rule `ask` of one service."""

    def __init__(self, boards_per_visitor: int) -> None:
        self._most = boards_per_visitor

    def __call__(self, inputs: ScoringInputs, slots: Slots, query: Query) -> bool:
        """True if boards were answered well, none waits, and much is left to know of the page."""
        if query.visitor == Visitor():  # nobody could be known by it
            return False
        boards = inputs.personal.boards
        if len(boards.picked) >= self._most or len(boards.left) >= _MOST_LEFT or not len(slots):
            return False
        # By the hour and not by the session, which may last for months.
        if any(board.as_of >= query.at - VISIT for board in boards.left):
            return False
        newest = boards.picked[:_NONE]
        if len(newest) == _NONE and not any(board.picks for board in newest):
            return False
        return float(inputs.variance_left(slots).mean()) >= _WORTH


def rule(settings: Settings) -> BoardRule:
    """The rule by the settings."""
    return BoardRule(settings.part(BoardSettings).boards_per_visitor)


def give_board(
    individuals: AnimalRecommender, query: Query, size: int, *, if_worth: bool = False
) -> AnimalsAnswer:
    """Return a board of so many animals for the visitor, or of all there are; it is logged.

    With `if_worth`, a board that is not worth its place has no animals, and is not logged.
    """
    name = query.recommendation_id or new_recommendation_id(query.now)
    query = individuals.runtime.with_user(query)
    query = replace(query, recommendation_id=name, explain=False)
    groups = individuals.runtime.score_groups(query)
    share = individuals.settings.group_affinity
    with individuals.inputs(query, groups, share) as inputs:
        slots, chances = choose_board(inputs, size, name)
        if if_worth and not individuals.asks(inputs, slots, query):
            return AnimalsAnswer(name, groups.served.answered_by(groups.context), ())
        scored = inputs.score(slots)
        ids = [inputs.available.members(slot) for slot in slots.tolist()]
        scores = np.exp(scored.utilities - inputs.bound)
        drawn = Explored(tuple(slots.tolist()), (False,) * len(ids), tuple(chances.tolist()))
        places = places_in_order(inputs, scored, ids, scores, drawn)
    return individuals.answer(BOARD, query, groups, places, scored)


def choose_board(inputs: ScoringInputs, size: int, seed: str) -> tuple[Slots, Floats]:
    """The slots of a board, and the chance of each given those before it; `seed` is all chance."""
    available, values = inputs.available, estimate(inputs).values
    picked = available.slots(inputs.personal.boards.picked_animals)
    values[[*inputs.disliked, *picked]] = -np.inf
    may_be_shown = values > -np.inf
    there = np.flatnonzero(may_be_shown & (available.column("photos", EVERY_SLOT) > 0))
    if len(np.unique(available.column("group", there))) < size:  # no two are of one
        there = np.flatnonzero(may_be_shown)
    if not len(there):
        return there, np.empty(0)
    dice = np.random.default_rng(int.from_bytes(seed.encode()))
    most = min(SAMPLED, len(there))
    drawn = np.array([dice.choice(len(there), most, replace=False) for _ in range(size)])
    places, rows = np.unique(drawn, return_inverse=True)
    slots = there[places]
    known, odds = inputs.posterior(slots), inputs.utilities(slots)
    alike = available.column("group", slots)
    scale = inputs.tables.model.picks.scale
    found = draw_board(known, odds, alike, rows.reshape(drawn.shape), scale, dice)
    # Each sample is a fair draw of all animals, so the chance to be in it counts as well: divided
    # by the product, what became of a board is an unbiased estimate (Horvitz and Thompson 1952).
    chances = np.array([chance for _, chance in found]) * most / len(there)
    return slots[[row for row, _ in found]], chances


def draw_board(
    known: VisitorPosterior,
    odds: Floats,
    alike: Ints,
    samples: Ints,
    scale: float,
    dice: np.random.Generator,
) -> list[tuple[int, float]]:
    """The animals of a board as rows of `known`, each with its chance given those before it.

    `odds` are the log-odds to open each animal, `alike` its code: no two animals of one code are
    taken. `samples` (places, SAMPLED) are the rows from which each place is drawn; the chance is
    given the sample.
    """
    weight, left = scale**2 / _SHARED, known.variance()
    liked, codes = _VALUE * odds[samples], alike[samples]
    found: list[tuple[int, float]] = []
    steps = np.zeros((len(samples), len(left)))
    is_new = np.ones(int(alike.max(initial=-1)) + 1, np.bool_)
    for sample, own, code in zip(samples, liked, codes, strict=True):
        here = is_new[code]
        rows = sample[here]
        if not len(rows):
            continue
        scores = (np.log1p(weight * left[rows]) + own[here]) / _TEMPERATURE
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        place = min(int(np.searchsorted(np.cumsum(chances), dice.random())), len(rows) - 1)
        row, before = int(rows[place]), steps[: len(found)]
        found.append((row, float(chances[place])))
        is_new[alike[row]] = False
        if len(found) < len(samples):  # nothing is drawn after the last
            # The covariance after the answer is one of rank one less, for each animal before.
            with_row = known.covariance_with(row) - before[:, row] @ before
            steps[len(before)] = with_row * np.sqrt(weight / (1 + weight * left[row]))
            left = left - steps[len(before)] ** 2
    return found
