"""Standard errors of fitted effects: a sandwich over visitors, animals' own effects random.

The fit takes the rows of one visitor for independent, given what is known of the visitor. They are
not: so the middle of the sandwich is the sum over visitors of squared scores, and not the
information. What a prior says counts as one observation more.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack

from benchmarks.markets.draw import Floats, Ints
from pawsonalize.models.recipes.choices.effects import (
    ANIMAL,
    FACTORS,
    TRAITS,
    Effects,
    ShownPlaces,
    mean_chances,
)

_SHOWN = 20.0


class Errors(NamedTuple):
    """Standard errors."""

    weights: dict[str, float]
    attention: Floats
    """Of the logs, by place; 0 for the first."""
    own: float
    """Of the log of the variance among animals."""


def standard_errors(shown: ShownPlaces, found: Effects, *, learns_attention: bool) -> Errors:
    """The errors of what was fitted to the openings of these rows."""
    names, places = list(found.weights), int(shown.place.max()) + 1
    rows = np.arange(len(shown))
    columns = np.array([np.ones(len(shown)), *(shown.factors[name] for name in names)]).T
    odds = columns @ np.array([found.intercept, *found.weights.values()])
    blocks = [csr_array(columns)]
    for name in TRAITS:
        codes = shown.traits[name][shown.animal]
        odds += found.levels[name][codes]
        blocks.append(_one_hot(rows, codes, len(found.levels[name])))
    odds += found.levels[ANIMAL][shown.animal]
    looks = found.attention[shown.place]
    chance, rise = mean_chances(odds, found.unexplained)
    passed = np.maximum(1 - looks * chance, 1e-12)
    surprise = (shown.opened - looks * chance) / passed
    slope = rise / chance  # of the log of the chance, by the log-odds
    slopes = [diags_array(slope) @ block for block in blocks]
    if learns_attention:
        slopes.append(_one_hot(rows, shown.place, places))
    design = csr_array(hstack(slopes))
    firm = looks * chance / passed
    animal = _one_hot(rows, shown.animal, shown.animals)
    own = 1 / found.variances[ANIMAL]
    held = animal.T @ (firm * slope**2) + own
    between = (animal.T @ (diags_array(firm * slope) @ design)).toarray()
    carried = between / held[:, None]
    prior = _prior(shown, found, names, learns_attention=learns_attention)
    whole = (design.T @ (diags_array(firm) @ design)).toarray()
    whole += np.diag(prior) - between.T @ carried
    by_visitor = _one_hot(shown.visitor, rows, len(shown), count=int(shown.visitor.max()) + 1)
    scores = (by_visitor @ (diags_array(surprise) @ design)).toarray()
    scores -= (by_visitor @ (diags_array(surprise * slope) @ animal)) @ carried
    middle = scores.T @ scores + np.diag(prior) + own * carried.T @ carried
    inverse = np.linalg.pinv(whole)
    errors = np.sqrt(np.maximum((inverse @ middle @ inverse).diagonal(), 0))
    attention = errors[-places:] if learns_attention else np.zeros(places)
    weights = dict(zip(names, errors[1 : 1 + len(names)].tolist(), strict=True))
    return Errors(weights, attention, _error_of_variance(found, held, carried, np.asarray(inverse)))


def _error_of_variance(found: Effects, held: Floats, carried: Floats, inverse: Floats) -> float:
    """Standard error of the log of the variance among animals, all variances being learned.

    By the information of restricted maximum likelihood (Searle, Casella and McCulloch 1992): of
    the variances of two kinds of effects it is half the squared norm of the identity, where they
    are one kind, less their posterior covariance over their spreads. One value more of each kind
    stands for what is believed before any row.
    """
    through, start, spans = carried @ inverse, 1 + len(found.weights), dict[str, slice]()
    for name in TRAITS:
        spans[name] = slice(start, start := start + len(found.levels[name]))
    kinds = [*TRAITS, ANIMAL]
    information = np.eye(len(kinds)) / 2
    for row, one in enumerate(kinds):
        for column, other in enumerate(kinds[: row + 1]):
            if one == ANIMAL and other == ANIMAL:
                covariance = np.diag(1 / held) + through @ carried.T
            elif one == ANIMAL:
                covariance = -through[:, spans[other]]
            else:
                covariance = inverse[spans[one], spans[other]]
            spread = np.sqrt(found.variances[one] * found.variances[other])
            kept = (np.eye(len(covariance)) if one == other else 0.0) - covariance / spread
            information[row, column] += float((kept**2).sum()) / 2
            information[column, row] = information[row, column]
    return float(np.sqrt(np.linalg.inv(information)[-1, -1]))


def _one_hot(rows: Ints, codes: Ints, size: int, count: int | None = None) -> csr_array:
    shape = (len(rows) if count is None else count, size)
    return csr_array((np.ones(len(rows)), (rows, codes)), shape=shape)


def _prior(
    shown: ShownPlaces, found: Effects, names: Sequence[str], *, learns_attention: bool
) -> Floats:
    """The precision of what is believed before any row."""
    parts = [np.array([0.0, *(1 / FACTORS[name][1] for name in names)])]
    parts += [np.full(len(found.levels[name]), 1 / found.variances[name]) for name in TRAITS]
    if learns_attention:
        places = int(shown.place.max()) + 1
        looks = found.attention[:places]
        shows = _SHOWN * shown.opened[shown.place == 0].mean()
        parts.append(shows * looks)
        parts[-1][0] = 1e12  # the first place has 1
    return np.concatenate(parts)
