"""How many animals of each item are available: counted now and then, looked up for each answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import MINUTE
from pawsonalize.storage.base import Catalogue

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Count:
    at: int
    animals: dict[str, int]
    by_catalogue: dict[int, tuple[tuple[str, ...], Counts]]


class SupplyWatch:
    """The supply as counted last; another moment's is counted when it is asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._last = _Count(-MINUTE, {}, {})

    def refresh(self, now: int) -> None:
        """Count again."""
        self._last = self._count(now)

    def of(self, item_ids: tuple[str, ...], at: int) -> Counts | None:
        """Available animals of each of the items, shape (items,); None where no animal is known."""
        count = self._last
        if abs(at - count.at) > MINUTE:
            count = self._count(at)
        if not count.animals:
            return None
        # A catalogue is a tuple of thousands: known by its identity, as long as it is kept here.
        known = count.by_catalogue.get(id(item_ids))
        if known is None:
            counts = np.array([count.animals.get(item, 0) for item in item_ids], np.int64)
            known = count.by_catalogue[id(item_ids)] = (item_ids, counts)
        return known[1]

    def _count(self, at: int) -> _Count:
        return _Count(at, self._catalogue.supply(at), {})
