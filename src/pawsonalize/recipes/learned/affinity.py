"""What a context says of an item's attributes, whichever items it holds.

Three views of it: the likeness of the attributes' values; the steps between cells that users
make (`related`); and the share of a visitor's choices that fell on each value, drawn towards the
usual share where there are few (`affinity`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.learned.likeness import Likeness
from pawsonalize.recipes.learned.requests import Requests
from pawsonalize.recipes.learned.tables import Tables, Usual

Array = NDArray[Any]
_RATES = ("newest", "slow", "all")
_DOUBTS = (2.0, 10.0)  # choices with the usual shares that are added to the visitor's own
_LEAST_LIFT = 0.01


def affinity_names(t: Tables) -> list[str]:
    """The features' names, in the order of `affinity_columns`."""
    single = [t.likeness.columns[column] for column in t.likeness.matched]
    levels = range(len(t.index.cells))
    names = list(t.likeness.names)
    names += [f"related_{rate}_{level}_log" for rate in _RATES for level in levels]
    return names + [f"affinity_{k}_{name}_log" for name in single for k in range(len(_DOUBTS))]


def affinity_columns(
    t: Tables, r: Requests, weights: Mapping[str, Array], top: Array
) -> Iterator[Array]:
    """Blocks (B, K, N) for the candidates `top`."""
    of_rates = tuple(weights[rate] for rate in _RATES)
    for whole in t.likeness.compare(r, of_rates, top):
        yield whole[:, None]
    if not t.likeness.matched:
        yield _related_steps(t, r, of_rates, top)
        return
    theirs = np.moveaxis(t.likeness.values[top], 2, 1)  # (B, matched, N)
    profile = t.likeness.profile(r, of_rates)
    yield _matching_shares(t.likeness, profile, theirs)
    yield _related_steps(t, r, of_rates, top)
    yield _shares_of_choices(t.usual, profile[:, _RATES.index("all")], r, theirs)


def _matching_shares(likeness: Likeness, profile: Array, theirs: Array) -> Array:
    """The share of what a context holds of an attribute that is of the candidate's value.

    `profile` (B, rates, values), `theirs` (B, matched, N).
    """
    nothing = likeness.nothing
    profile = profile.copy()
    profile[:, :, nothing] = 0.0  # having no value matches nothing
    total = np.maximum(np.add.reduceat(profile, nothing, axis=2), 1e-9)
    request = np.arange(len(theirs))[:, None, None, None]
    rate = np.arange(profile.shape[1])[:, None]
    found: Array = profile[request, rate, theirs[:, :, None]] / total.swapaxes(1, 2)[..., None]
    return found.reshape(len(theirs), -1, theirs.shape[2])


def _related_steps(t: Tables, r: Requests, weights: tuple[Array, ...], top: Array) -> Array:
    """How much likelier the context makes each of a candidate's cells, as a log."""
    related, weight = t.mixture.related, np.stack(weights, axis=1)
    share = weight / np.maximum(weight.sum(axis=2, keepdims=True), 1e-9)
    rows = zip(r.cells, share.astype(np.float32), t.index.cells[:, top].swapaxes(0, 1), strict=True)
    lift = np.stack(
        [related.lift(cells, strengths)[:, theirs] for cells, strengths, theirs in rows]
    )
    lift *= related.cell_base.max()
    logs: Array = np.log(lift + _LEAST_LIFT)
    return logs.reshape(len(top), -1, top.shape[1])


def _shares_of_choices(usual: Usual, profile: Array, r: Requests, theirs: Array) -> Array:
    """How the visitor's share of a value differs from the usual, as a log, for each doubt."""
    own = profile[np.arange(len(theirs))[:, None, None], theirs][:, :, None]
    expected = usual.share[theirs][:, :, None]
    total = r.worth.sum(axis=1)[:, None, None, None]
    doubt = np.array(_DOUBTS)[:, None]
    found: Array = np.log((own + doubt * expected) / ((total + doubt) * expected))
    return found.reshape(len(theirs), -1, theirs.shape[2])


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
