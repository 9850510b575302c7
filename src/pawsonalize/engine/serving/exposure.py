"""How much each item was exposed: what the exploration of a model is weighed by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.engine.resources.solutions import Cut
from pawsonalize.engine.serving.exploration import Novelty, novelty
from pawsonalize.storage.base import Catalogue, EventLog
from pawsonalize.storage.impressions import Impressions

_COUNTED_EVENTS = 500_000


@dataclass(frozen=True, slots=True)
class Exposed:
    """What a version's cut says of its items: how often they were touched, and which are young.

    `touched` and `eligible` have the shape (items,).
    """

    item_ids: Sequence[str]
    touched: NDArray[np.int64]
    eligible: NDArray[np.bool_]


class Exposure:
    """Reads the novelty of a model's items from the log, the items dataset and what was shown."""

    def __init__(self, log: EventLog, catalogue: Catalogue, impressions: Impressions) -> None:
        self._log = log
        self._catalogue = catalogue
        self._impressions = impressions

    def of(self, dataset_group: str) -> "Exposure":
        """The exposure of another dataset group's items."""
        return Exposure(
            self._log.of(dataset_group),
            self._catalogue.of(dataset_group),
            self._impressions.of(dataset_group),
        )

    def exposed(self, cut: Cut, item_ids: Sequence[str], age_cut_off_days: int) -> Exposed:
        """The part that stays as long as the version is served.

        Touches are events among the newest 500,000 of the cut. Items created before the cut-off,
        counted back from `as_of`, are not eligible. One without a creation time was created at
        the first of those events; without any it is new.
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
        return Exposed(item_ids, np.array(counts, np.int64), np.array(eligible, np.bool_))

    def novelty(self, exposed: Exposed, at: int) -> Novelty:
        """The novelty of the items by what was shown up to now, as it counts at that moment.

        An item was shown at least as often as it was touched: where the log is older than the
        count of impressions, or came from elsewhere, touches are all that is known.
        """
        shown = self._impressions.shown(at)
        counts = np.array([shown.get(item_id, 0.0) for item_id in exposed.item_ids], np.float64)
        return novelty(
            np.maximum(exposed.touched, np.rint(counts).astype(np.int64)), exposed.eligible
        )
