"""How often an item was chosen: in all, and lately as seen from a moment inside the log."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.active_time import ActiveTime
from pawsonalize.recipes.learned.log import Log

Array = NDArray[Any]
_SLICES = 64
_HALVES = (1, 4)  # half-lives of the trends, in slices of 1/64 of the log's active time


@dataclass(frozen=True, slots=True)
class Trend:
    """`total` (items,) float32; `recent` (halves, slices, items) decayed at each slice's end.

    `edges` (slices,) are the slices' first moments. Without times there are no slices; a stored
    model keeps only the last.
    """

    total: Array
    recent: Array
    edges: Array

    def slice_of(self, times: Array) -> Array:
        """The slice of each moment."""
        part = np.searchsorted(self.edges, times, side="right") - 1
        return np.asarray(np.maximum(part, 0))

    def at_the_end(self) -> "Trend":
        """The same with its last slice alone."""
        return Trend(self.total, np.ascontiguousarray(self.recent[:, -1:]), self.edges[-1:])


def build_trend(log: Log, whole: Log) -> Trend:
    """Count, slice by slice of the whole log's active time."""
    n = log.n_items
    total = np.bincount(log.items, log.weights, minlength=n).astype(np.float32)
    if not whole.timed:
        return Trend(total, np.zeros((0, 1, n), np.float32), np.zeros(0))
    clock = ActiveTime.of(whole.times)
    first, last = clock.at(whole.times.min()), clock.at(whole.times.max())
    edges = clock.moments(np.linspace(first, last, _SLICES, endpoint=False))
    part = np.maximum(np.searchsorted(edges, log.times, side="right") - 1, 0)
    counts = np.bincount(part * n + log.items, log.worth, minlength=_SLICES * n)
    counts = counts.reshape(_SLICES, n)
    recent = np.zeros((len(_HALVES), _SLICES, n), np.float32)
    for k, half in enumerate(_HALVES):
        running = np.zeros(n)
        for place in range(_SLICES):
            running = running * 0.5 ** (1.0 / half) + counts[place]
            recent[k, place] = running
    return Trend(total, recent, edges)
