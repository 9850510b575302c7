"""How much each item was exposed: what the exploration of a model is weighed by."""

from collections.abc import Sequence

import numpy as np

from pawsonalize.domain.times import DAY
from pawsonalize.engine.exploration import Novelty, novelty
from pawsonalize.engine.resources.solutions import Cut
from pawsonalize.storage.base import Catalogue, EventLog

_COUNTED_EVENTS = 500_000


class Exposure:
    """Reads the novelty of a model's items from the log and the items dataset."""

    def __init__(self, log: EventLog, catalogue: Catalogue) -> None:
        self._log = log
        self._catalogue = catalogue

    def of(self, dataset_group: str) -> "Exposure":
        """The exposure of another dataset group's items."""
        return Exposure(self._log.of(dataset_group), self._catalogue.of(dataset_group))

    def novelty(self, cut: Cut, item_ids: Sequence[str], age_cut_off_days: int) -> Novelty:
        """The novelty of the items, by their events among the newest 500,000 of the cut.

        Items created before the cut-off, counted back from `as_of`, have none. One
        without a creation time was created at the first of those events; without any it is new.
        """
        through = cut.log_offset
        touched = self._log.touched(max(0, through - _COUNTED_EVENTS), through)
        births = {item_id: item.first_sent_at for item_id, item in touched.items()}
        for item in self._catalogue.items():
            if item.created_at is not None:
                births[item.item_id] = item.created_at
        oldest = cut.as_of - age_cut_off_days * DAY
        counts = [touched[item_id].events if item_id in touched else 0 for item_id in item_ids]
        eligible = [births.get(item_id, oldest) >= oldest for item_id in item_ids]
        return novelty(np.array(counts, np.int64), np.array(eligible, np.bool_))
