"""Animals that came back or are disliked: events that speak against an item, not for it.

Neither is a choice. The visitor's own events of that item count no more from then on (see
`engine/serving/context.py`), and for everybody the item is as likely as the share of its choices
that lasted.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.recipes.artefact import take_weights
from pawsonalize.recipes.counts.counting import LogSummary
from pawsonalize.recipes.counts.weights import ActiveTime, EventWeights, decay_weights, on_grain
from pawsonalize.recipes.data import Arrays

_DOUBT = 5.0  # lasting choices every item is thought to have had: one return proves little


@dataclass(frozen=True)
class ReturnRate:
    """Rate at which choices of an item last: lasting = (chosen + 5) / (chosen + 5 + returned)."""

    chosen: NDArray[np.float32]
    """Weighed sum of choices, shape (items,)."""
    returned: NDArray[np.float32]
    """Weighed sum of returns and dislikes, shape (items,)."""
    lasting: NDArray[np.float32]
    """The share of the choices that lasted, from 0 to 1 and never 0, shape (items,)."""

    @classmethod
    def of(
        cls,
        summary: LogSummary,
        chosen: NDArray[np.float64],
        weights: EventWeights,
        return_weight: float,
        dislike_weight: float,
    ) -> "ReturnRate":
        """Compare the choices (items,) with what speaks against, by its own weight and age."""
        returned, disliked, times = summary.returned, summary.disliked, summary.times
        known = max(returned.newest, disliked.newest)
        clock = ActiveTime.of(np.concatenate((times, returned.time, disliked.time)))
        newest = clock.at(np.minimum(times.max(initial=known), summary.as_of))
        half_life = weights.half_life_days * DAY
        against = np.zeros(summary.n_items, np.float32)
        for events, worth in ((returned, return_weight), (disliked, dislike_weight)):
            faded = worth * decay_weights(newest - clock.at(events.time), half_life)
            against += _sums(events.item, faded, summary.n_items)
        return cls._of(chosen.astype(np.float32), against)

    @classmethod
    def _of(cls, chosen: NDArray[np.float32], returned: NDArray[np.float32]) -> "ReturnRate":
        lasted = chosen + np.float32(_DOUBT)
        return cls(chosen, returned, lasted / (lasted + returned))

    @cached_property
    def is_known(self) -> bool:
        """Whether anything ever came back or was disliked."""
        return bool(self.returned.any())

    def apply(self, parts: NDArray[np.float32]) -> None:
        """Weigh the tables' proposals (tables, items + outside) in place, the first table's apart.

        The first is the visitor's own history, of which only the visitor's own returns take away.
        """
        if not self.is_known:
            return
        n_items = len(self.lasting)
        outside = np.ones(parts.shape[1] - n_items, np.float32)
        reweigh(parts[1:], np.concatenate((self.lasting, outside)), n_items)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The sums as plain arrays; none where nothing came back."""
        if not self.is_known:
            return {}
        return {"returns.chosen": self.chosen, "returns.returned": self.returned}

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_items: int) -> "ReturnRate":
        """Rebuild from `arrays`; CorruptArtefact when they do not fit."""
        if not any(name.startswith("returns.") for name in arrays):
            return cls._of(np.zeros(n_items, np.float32), np.zeros(n_items, np.float32))
        names = ("returns.chosen", "returns.returned")
        return cls._of(*(take_weights(arrays, name, (n_items,)) for name in names))


def _sums(item: NDArray[np.int32], worth: NDArray[np.float64], n_items: int) -> NDArray[np.float32]:
    """Sums per item on the grain, so that the order of events does not matter."""
    return np.bincount(item, on_grain(worth), n_items).astype(np.float32)


def reweigh(parts: NDArray[np.float32], factors: NDArray[np.float32], n_items: int) -> None:
    """Multiply proposals (tables, items + outside) in place by `factors` (items + outside,).

    Each table keeps its sum over the catalogue, its first `n_items` columns.
    """
    before = parts[:, :n_items].sum(axis=1)
    parts *= factors
    after = np.maximum(parts[:, :n_items].sum(axis=1), np.float32(1e-30))
    parts *= (before / after)[:, np.newaxis]
