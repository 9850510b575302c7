"""What the visitors' facets say of the candidates: lifts of their cells and of themselves."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.tables import Tables

Array = NDArray[Any]


def facet_names(t: Tables) -> list[str]:
    """The features' names, in the order of `facet_columns`; none where no facet was counted."""
    if not t.mixture.facets.counted:
        return []
    levels = [*range(len(t.index.cells)), "item"]
    return [f"facet_{kind}_{level}_log" for level in levels for kind in ("sum", "max")]


def facet_columns(t: Tables, r: Requests, top: Array) -> Iterator[Array]:
    """For each level of cells, then the items: the facets' logs together, and the greatest.

    Blocks (B, 2, N) for the candidates `top`.
    """
    lifts = t.mixture.facets
    if not lifts.counted:
        return
    rows = np.where(r.facets < lifts.counted, r.facets, -1)  # the quiz is counted nowhere
    known = (rows >= 0)[:, :, np.newaxis]
    at = rows[:, :, np.newaxis]
    for cells in t.index.cells[:, :-1]:
        yield _both(np.where(known, lifts.cells[at, cells[top][:, np.newaxis]], 0.0))
    yield _both(np.where(known, lifts.items[at, top[:, np.newaxis]], 0.0))


def _both(logs: Array) -> Array:
    """Sum and maximum over the facets of `logs` (B, F, N); without any facet both are 0."""
    total = logs.sum(axis=1)
    return np.stack([total, logs.max(axis=1) if logs.shape[1] else total], axis=1)
