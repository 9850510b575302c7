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
    found: list[tuple[int, float]] = []
    steps: list[Floats] = []
    for sample in samples:
        rows = sample[~np.isin(alike[sample], alike[[row for row, _ in found]])]
        if not len(rows):
            continue
        scores = (np.log1p(weight * left[rows]) + VALUE * odds[rows]) / TEMPERATURE
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        place = min(int(np.searchsorted(np.cumsum(chances), dice.random())), len(rows) - 1)
        row = int(rows[place])
        found.append((row, float(chances[place])))
        # The covariance after the answer is one of rank one less, for each animal before.
        with_row = known.covariance_with(row) - sum(step[row] * step for step in steps)
        steps.append(with_row * np.sqrt(weight / (1 + weight * left[row])))
        left = left - steps[-1] ** 2
    return found
