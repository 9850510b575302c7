"""Fresh counts under a ranker that was learned before: what is done between trainings."""

import numpy as np

from pawsonalize.recipes.contract import TrainingData
from pawsonalize.recipes.items import ItemIndex
from pawsonalize.recipes.learned.engine import Learned
from pawsonalize.recipes.learned.factors import Factors
from pawsonalize.recipes.learned.likeness import build_likeness, likeness_of
from pawsonalize.recipes.learned.log import read_log
from pawsonalize.recipes.learned.steps import count_steps
from pawsonalize.recipes.learned.tables import derive
from pawsonalize.recipes.mixture import Mixture


def recounted(learned: Learned, data: TrainingData, mixture: Mixture) -> Learned:
    """The ranker and its factors above the tables that a fit on `data` would count.

    Features that came since, as when the first animals became known, wait for the next training.
    """
    before = learned.tables
    log = read_log(data, before.design)
    counts = count_steps(log, before.design.window, before.design.gap_decay)
    factors = _renumbered(before.factors, before.index, mixture.index)
    likeness = likeness_of(*build_likeness(data.attributes))
    _, tables = derive(log, counts, factors, mixture, likeness, before.design)
    return Learned.of(tables, learned.ranker)


def _renumbered(factors: Factors, before: ItemIndex, after: ItemIndex) -> Factors:
    """The factors by the new positions; an item that had none is apart from all others."""
    rows = before.rows(after.ids)
    nothing = np.zeros((1, factors.source.shape[1]), np.float32)
    return Factors(
        np.concatenate([factors.source, nothing])[rows],
        np.concatenate([factors.target, nothing.T], axis=1).take(rows, axis=1),
    )
