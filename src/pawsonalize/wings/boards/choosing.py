"""Choice of the animals of a board: those that tell most about this visitor, none alike.

A board is a question. Its animals are drawn one after the other by

    score = ln(1 + scale^2 * v / SHARED) + VALUE * u

v is the variance that is left of what the visitor makes of the animal beyond an average one, given
all that is known and as if each animal before had been answered (greedy D-optimal design). u is the
expected log-odds that the visitor opens it: the best page is also the best question, as one picks
with more care among animals that one likes (Viappiani and Boutilier 2010).

Each place is a draw by softmax(score / TEMPERATURE) among `SAMPLED` animals, which chance alone
takes from all that may be shown. So every animal may be on a board, and its chance is known.
"""

import numpy as np

from pawsonalize.recipes.choices.own_effects import VisitorPosterior
from pawsonalize.recipes.data import Floats, Ints

SAMPLED = 64  # animals at each place; more cost time and choose hardly better
SHARED = 2.0  # a pick says as much of an animal as a choice between so many
VALUE = 0.5
TEMPERATURE = 0.1


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
    weight, left = scale**2 / SHARED, known.variance()
    liked, codes = VALUE * odds[samples], alike[samples]
    found: list[tuple[int, float]] = []
    steps = np.zeros((len(samples), len(left)))
    is_new = np.ones(int(alike.max(initial=-1)) + 1, np.bool_)
    for sample, own, code in zip(samples, liked, codes, strict=True):
        here = is_new[code]
        rows = sample[here]
        if not len(rows):
            continue
        scores = (np.log1p(weight * left[rows]) + own[here]) / TEMPERATURE
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
