"""How much more a visitor likes each group than visitors do in general."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import HOUR
from pawsonalize.engine.serving.animals.catalogued import Catalogued
from pawsonalize.engine.serving.animals.shelf import Codes
from pawsonalize.engine.serving.recommender import GroupScores
from pawsonalize.recipes.contract import Floats

MOST = 5.0
"""A liking lies between minus this and this."""

_LEAST_SCORE = 1e-12
_KEPT = 4  # models at once: a recommender and a reranker, and what replaces them


class Likings:
    """Logs of a visitor's scores over those of somebody of whom nothing is known, at most `MOST`.

    So what everybody likes counts for nothing: were it to, who is seldom liked would have to wait
    for the visitors that look past the first page. A group of which the model knows nothing is
    liked as much as by anybody: 0.
    """

    def __init__(self) -> None:
        self._catalogued: OrderedDict[str, Catalogued] = OrderedDict()
        self._nobody: dict[str, tuple[int, GroupScores]] = {}

    def of(
        self, groups: GroupScores, codes: Codes, present: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """By the code of each group; those that are not present may have none."""
        if not groups.context.events and not groups.context.facets:
            return np.zeros(len(codes))
        catalogued = self._known(groups.served.version.name)
        visitor = catalogued.scores(groups, codes, present)
        nobody = catalogued.scores(self._of_nobody(groups), codes, present)
        return np.clip(_log(visitor) - _log(nobody), -MOST, MOST)

    def in_general(
        self, groups: GroupScores, codes: Codes, present: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """By the code of each group: how likely it is beside the others that are present.

        For somebody of whom nothing is known, as a log, at most `MOST`.
        """
        if not len(present):
            return np.zeros(len(codes))
        catalogued = self._known(groups.served.version.name)
        logs = _log(catalogued.scores(self._of_nobody(groups), codes, present))
        lifts: NDArray[np.float64] = np.clip(logs - logs[present].mean(), -MOST, MOST)
        return lifts

    def _known(self, version: str) -> Catalogued:
        known = self._catalogued.setdefault(version, Catalogued())
        self._catalogued.move_to_end(version)
        if len(self._catalogued) > _KEPT:
            forgotten, _ = self._catalogued.popitem(last=False)
            self._nobody.pop(forgotten, None)
        return known

    def _of_nobody(self, groups: GroupScores) -> GroupScores:
        """The scores that nobody in particular would have, as of this hour."""
        version, hour = groups.served.version.name, groups.context.now // HOUR
        kept, catalogue = self._nobody.get(version), groups.served.model.item_ids
        if kept is None or kept[0] != hour or kept[1].served.model.item_ids is not catalogue:
            context = replace(groups.context, events=(), facets=(), now=hour * HOUR)
            scores = groups.served.model.score_catalogue(context)
            kept = self._nobody[version] = hour, GroupScores(groups.served, context, scores)
        return kept[1]


def _log(scores: Floats) -> NDArray[np.float64]:
    return np.log(np.maximum(np.asarray(scores, np.float64), _LEAST_SCORE))
