"""`item-knn`, `ease` and `item-transitions`: the visitor's items times a matrix of items."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes import EASE as EASE_NAME
from pawsonalize.models.recipes import ITEM_KNN, ITEM_TRANSITIONS
from pawsonalize.models.recipes.artefact import Kept, finite
from pawsonalize.models.recipes.baselines.history import Baseline, BaselineSettings, HistoryModel
from pawsonalize.models.recipes.counts.counting import EventCounts
from pawsonalize.models.recipes.counts.rows import (
    Counts,
    Covisits,
    SparseRows,
    both_ways,
    covisit_table,
    transition_table,
)
from pawsonalize.models.recipes.counts.weights import EventWeights
from pawsonalize.models.recipes.data import Floats, Ints, Singles, TrainingData
from pawsonalize.models.recipes.ease import choices, ease_weights
from pawsonalize.models.recipes.late_scipy import sparse
from pawsonalize.models.recipes.settings import Count, Positive, Range, Share

MOST_ITEMS = 10_000
"""Items that `ease` learns at most: its matrix has a number for each pair of them."""
_NEVER = 1e9  # half-life in days of what does not fade


def _choices(events: TrainingData) -> Counts:
    return choices(events.user, events.item, (events.n_users, len(events.item_ids)))


class NeighboursModel(HistoryModel, frozen=True, dict=True):
    """A sparse matrix, with the largest values of each row."""

    rows: Annotated[SparseRows, Kept("neighbours.", "items")]
    part = "co-visits"

    def weigh(self, history: Ints, question: int) -> Floats:  # noqa: ARG002
        """Return Σ fade^k · row of the k-th newest distinct item, k from 0, shape (items,)."""
        columns, values, lengths = self.rows.gather(np.array([*dict.fromkeys(history)], np.int64))
        fade = np.float64(self.card.settings.get("history_fade", 1.0))
        values = values * (fade ** np.arange(len(lengths))).repeat(lengths)
        return np.bincount(columns, values, len(self.share)).astype(np.float64)


class TransitionsModel(NeighboursModel, frozen=True, dict=True):
    """The same of steps from item to item."""

    part = "transitions"


class EASEModel(HistoryModel, frozen=True, dict=True):
    """A dense matrix of all pairs of items."""

    matrix: Annotated[Singles, Kept("matrix", "items items", finite)]
    part = "co-visits"

    def weigh(self, history: Ints, question: int) -> Floats:  # noqa: ARG002
        """Return the sum of the visitor's distinct items' rows, shape (items,)."""
        return np.asarray(self.matrix[np.unique(history)].sum(axis=0, dtype=np.float64), np.float64)


class ItemKNNSettings(BaselineSettings, frozen=True):
    """Settings of `item-knn`."""

    neighbours: Annotated[Count, Range(10, 200, log=True)] = 100
    """Number of similar items that are kept of each item."""
    shrinkage: Annotated[float, Range(0.0, 50.0)] = 10.0
    """Added to the cosine's denominator: higher trusts rare pairs less."""


class ItemKNN(Baseline):
    """Cosine of the users of two items, summed over the visitor's items (Sarwar et al., 2001)."""

    name = ITEM_KNN
    settings = ItemKNNSettings
    model = NeighboursModel

    def learn(self, events: TrainingData, settings: ItemKNNSettings) -> Mapping[str, object]:
        """Return each item's nearest neighbours."""
        had = _choices(events)
        by_item = sparse.csr_array(had.T)
        users = np.asarray(had.sum(axis=0), np.float64)
        together = Covisits(lambda start, end: by_item[start:end] @ had, users)
        table = covisit_table(together, width=settings.neighbours, shrinkage=settings.shrinkage)
        return {"rows": table}


class EASESettings(BaselineSettings, frozen=True):
    """Settings of `ease`."""

    regularisation: Annotated[Positive, Range(10.0, 2000.0, log=True)] = 200.0
    """Added to the number of users of each item: higher trusts rare items less."""


class EASE(Baseline):
    """A linear autoencoder without a diagonal (Steck, WWW 2019), for up to 10,000 items."""

    name = EASE_NAME
    settings = EASESettings
    model = EASEModel

    def learn(self, events: TrainingData, settings: EASESettings) -> Mapping[str, object]:
        """Return the weights of all pairs of items."""
        n_items = len(events.item_ids)
        if n_items > MOST_ITEMS:
            raise InvalidInput(
                f"ease takes up to {MOST_ITEMS:,} items, as its matrix has a number for each pair"
                f" of them, and there are {n_items:,}: take item-knn",
                field="recipe",
            )
        weights = ease_weights(_choices(events), settings.regularisation)
        return {"matrix": np.ascontiguousarray(weights, np.float32)}


class TransitionsSettings(BaselineSettings, frozen=True):
    """Settings of `item-transitions`."""

    window: Annotated[Count, Range(1, 10)] = 8
    """Number of a user's next visits that follow a visit."""
    gap_decay: Annotated[Share, Range(0.3, 0.9)] = 0.65
    """Factor of a step for each visit between its two."""
    back: Share = 0.2
    """Weight of a step in the other direction."""
    row_power: Share = 0.15
    """Steps from an item are divided by their sum to this power: 1 makes them shares."""
    history_fade: Annotated[Share, Range(0.2, 0.9)] = 0.5
    """Factor of each older item of the visitor."""
    neighbours: Count = 200
    """Number of next items that are kept of each item."""


class Transitions(Baseline):
    """Steps from the visitor's items to those that users chose next, the newest item first."""

    name = ITEM_TRANSITIONS
    settings = TransitionsSettings
    model = TransitionsModel

    def learn(self, events: TrainingData, settings: TransitionsSettings) -> Mapping[str, object]:
        """Return each item's commonest next items."""
        s = settings
        weights = EventWeights(half_life_days=_NEVER)
        steps = EventCounts(events).steps(weights, s.window, s.gap_decay)
        table = transition_table(both_ways(steps, s.back), width=s.neighbours, power=s.row_power)
        return {"rows": table}
