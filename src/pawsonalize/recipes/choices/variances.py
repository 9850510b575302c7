"""Variances of affinity among visitors, by the method of moments.

Two places that were shown to one visitor, and whose animals have the same size, are chosen together
more often than by chance as far as visitors differ in their likings of sizes. So the products of
residuals of such pairs say the variance, with no need to fit the likings themselves. (To fit them
and take their spread says far too little where most visitors opened one or two animals.)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pawsonalize.recipes.choices.shown_places import Floats, Ints

_PRIOR = 0.01
"""Weight of the variances before any training, beside the measured ones."""
_LEAST, _MOST = 0.005, 3.0
_MIX = 1_000_003


def moment_variances(
    pull: Floats, firm: Floats, codes: Sequence[Ints], columns: Sequence[Floats], prior: Floats
) -> Floats:
    """The variance of each kind of liking, shape (kinds,).

    `pull` and `firm` are residuals and how firm they are, shape (rows,), of a model that knows no
    likings. Rows of one code share a liking, times the row's value in the column.
    """
    from scipy.optimize import nnls  # noqa: PLC0415 - slow to import, only trainings need it

    kinds = len(codes)
    explained, shared = np.zeros(kinds), np.zeros((kinds, kinds))
    for one in range(kinds):
        explained[one] = _pairs(codes[one], pull * columns[one])
        # Pairs of one kind share other kinds as well, as animals of one size often are of one
        # breed: so the variances are the solution of a system, and not one quotient each.
        for other in range(one, kinds):
            both = codes[one] if one == other else together(codes[one], codes[other])
            weight = firm * columns[one] * columns[other]
            shared[one, other] = shared[other, one] = _pairs(both, weight)
    scale = np.sqrt(np.maximum(np.diag(shared), 1e-12))
    # Ridge regression towards the prior, after scaling: kinds with few pairs stay near it.
    # Non-negative least squares, since a variance is.
    system = np.vstack([shared / scale[:, None] / scale, _PRIOR * np.eye(kinds)])
    wanted = np.concatenate([explained / scale, _PRIOR * np.expm1(prior) * scale])
    found = nnls(system, wanted)[0] / scale
    return np.clip(np.log1p(found), _LEAST, _MOST)


def _pairs(codes: Ints, values: Floats) -> float:
    """The sum of the products of all pairs of one code."""
    # All pairs at once: (sum of x)^2 less the sum of x^2.
    sums = np.bincount(codes, values)
    return float(sums @ sums - values @ values)


def together(*codes: Ints) -> Ints:
    """One code for each combination of codes."""
    mixed = codes[0].astype(np.int64)
    for column in codes[1:]:
        mixed = mixed * _MIX + column
    return np.unique(mixed, return_inverse=True)[1].astype(np.int64)


def kinds_of(
    visitor: Ints, traits: Mapping[str, Ints], animal: Ints, distance: Floats, names: Sequence[str]
) -> tuple[list[Ints], list[Floats]]:
    """The codes and columns of the likings: of anything, of each trait's values, of distance."""
    ones = np.ones(len(visitor))
    codes = [together(visitor), *(together(visitor, traits[name][animal]) for name in names)]
    return [*codes, codes[0]], [*([ones] * len(codes)), distance]
