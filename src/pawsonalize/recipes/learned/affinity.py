"""The features of what a visitor likes.

Three views of it: the likeness of the attributes' values; the steps between cells that users
make (`related`); and the share of a visitor's choices that fell on each value, drawn towards the
usual share where there are few (`affinity`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.request import Request
from pawsonalize.recipes.learned.signals import CELL_RATES, RATES, Signals
from pawsonalize.recipes.learned.tables import Tables

Array = NDArray[Any]
_RATES = tuple(RATES[rate] for rate in CELL_RATES)
_DOUBTS = np.array([[2.0], [10.0]], np.float32)  # usual choices that are added to the visitor's own
_LEAST_LIFT = np.float32(0.01)


def affinity_names(t: Tables) -> list[str]:
    """The features' names, in the order of `affinity_columns`."""
    single = [t.likeness.columns[column] for column in t.likeness.matched]
    levels = range(len(t.index.cells))
    names = list(t.likeness.names)
    names += [f"related_{rate}_{level}_log" for rate in _RATES for level in levels]
    return names + [f"affinity_{k}_{name}_log" for name in single for k in range(len(_DOUBTS))]


def affinity_columns(t: Tables, r: Request, found: Signals, top: Array) -> Iterator[Array]:
    """Blocks (K, N) for the candidates `top`."""
    weights = found.weights[list(CELL_RATES)]
    if t.likeness.has_lists:
        yield t.likeness.compare(r.context, weights, top)
    if not t.likeness.matched:
        yield _related_steps(t, found.reached, top)
        return
    values = t.likeness.values_of(top)
    held, known = t.likeness.held(r.context, weights, values)
    shares = held / np.maximum(known, np.float32(1e-9))[:, :, None]
    shares *= t.likeness.is_known(values)  # no value matches nothing
    yield shares.reshape(-1, len(top))
    yield _related_steps(t, found.reached, top)
    usual = t.usual.share.take(values, mode="clip")
    yield _shares_of_choices(held[-1] / usual, weights[-1].sum())


def _related_steps(t: Tables, reached: Array, top: Array) -> Array:
    """Log of the factor by which the context raises the chance of each of a candidate's cells."""
    lifts = reached * t.mixture.related.rarity
    lifts += _LEAST_LIFT
    lifts = lifts.take(t.index.cells.take(top, axis=1, mode="clip"), axis=1, mode="clip")
    return np.asarray(np.log(lifts, out=lifts)).reshape(-1, len(top))


def _shares_of_choices(times: Array, total: Array) -> Array:
    """Log ratio of the visitor's share of a value to the usual one, for each doubt.

    `times` (matched, N): what the visitor has of the value over its usual share.
    """
    found = np.log(times[:, None] + _DOUBTS) - np.log(total + _DOUBTS)
    return np.asarray(found).reshape(-1, times.shape[1])


def facet_names(t: Tables) -> list[str]:
    """The features' names, in the order of `facet_columns`; none where no facet was counted."""
    if not t.mixture.facets.counted:
        return []
    levels = [*range(len(t.index.cells)), "item"]
    return [f"facet_{kind}_{level}_log" for level in levels for kind in ("sum", "max")]


def facet_columns(t: Tables, r: Request, top: Array) -> Array:
    """For each level of cells, then the items: the facets' logs together, and the greatest.

    Shape (K, N) for the candidates `top`; without any facet all are 0.
    """
    lifts = t.mixture.facets
    rows = r.facets[(r.facets >= 0) & (r.facets < lifts.counted)]  # the quiz is counted nowhere
    found = np.zeros((2 * len(t.index.cells) + 2, len(top)), np.float32)
    if len(rows):
        at = rows[:, np.newaxis]
        levels = [lifts.cells[at, cells] for cells in t.index.cells[:, top]]
        for level, logs in enumerate([*levels, lifts.items[at, top]]):
            logs.sum(axis=0, out=found[2 * level])
            logs.max(axis=0, out=found[2 * level + 1])
            if len(rows) < len(r.facets):  # what is not known says 0
                np.maximum(found[2 * level + 1], 0.0, out=found[2 * level + 1])
    return found
