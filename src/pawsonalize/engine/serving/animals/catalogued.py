"""The scores of the shelf's groups, be they in the model's catalogue or not."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals.shelf import Codes
from pawsonalize.engine.serving.recommender import GroupScores

_OUTSIDE = -1


@dataclass(slots=True)
class Catalogued:
    """Where groups stand in a model's catalogue; remembered until either changes."""

    item_ids: tuple[str, ...] = ()
    codes: Codes | None = None
    positions: dict[str, int] = field(default_factory=dict)
    where: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def scores(
        self, groups: GroupScores, codes: Codes, present: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The score of each group by its code; those that are not present may have none."""
        where = self._where(groups.served.model.item_ids, codes)
        catalogue = np.append(np.asarray(groups.scores, np.float64), 0.0)
        scores: NDArray[np.float64] = catalogue[where]
        outside = present[where[present] == _OUTSIDE]
        if len(outside):
            strangers = [codes.names[code] for code in outside.tolist()]
            scores[outside] = groups.served.model.score(groups.context, strangers)
        return scores

    def _where(self, item_ids: tuple[str, ...], codes: Codes) -> NDArray[np.int64]:
        # Both are known by their identity, as long as they are kept here.
        if item_ids is not self.item_ids:
            self.item_ids, self.codes = item_ids, None
            self.positions = {item: place for place, item in enumerate(item_ids)}
        if codes is not self.codes:
            self.codes, self.where = codes, np.empty(0, np.int64)
        if len(codes) > len(self.where):
            new = [self.positions.get(name, _OUTSIDE) for name in codes.names[len(self.where) :]]
            self.where = np.concatenate([self.where, np.array(new, np.int64)])
        return self.where
