"""The baselines: items are scored by those that the visitor had, equal ones by popularity.

Raw scores are what the literature defines. Weights are an increasing linear function of them, as
those of all recipes are at least 0 and sum to 1.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from zlib import crc32

import numpy as np

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.evaluation.splits import (
    RARE,
    by_attributes,
    by_chance,
    by_own_history,
    popularity_shares,
    repeat_share,
)
from pawsonalize.models.recipes import ATTRIBUTES, ITEM_KNN, ITEM_TRANSITIONS, OWN_HISTORY, RANDOM
from pawsonalize.models.recipes import EASE as EASE_NAME
from pawsonalize.models.recipes.artefact import (
    Kept,
    ModelCard,
    finite,
    make_card,
    read_card,
    weights,
)
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, EventCounts, counts_of
from pawsonalize.models.recipes.counts.rows import (
    Counts,
    Covisits,
    SparseRows,
    both_ways,
    covisit_table,
    transition_table,
)
from pawsonalize.models.recipes.counts.weights import EventWeights
from pawsonalize.models.recipes.data import Arrays, Floats, Int32s, Ints, Singles, TrainingData
from pawsonalize.models.recipes.ease import choices, ease_weights
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.late_scipy import sparse
from pawsonalize.models.recipes.settings import Count, Positive, Range, RecipeSettings, Share

_FORMAT = 1
_MOST_EVENTS = 10_000_000  # of a larger log, the events of its first users
_CHANCE = 1e-9  # share of items that nobody had
# Weight of popularity: it decides what is equal, and is less than the rounding of raw scores.
_FLOOR = 1e-9


class BaselineSettings(RecipeSettings, frozen=True):
    """Setting of all baselines."""

    unseen: bool | None = None
    """True: nothing that the visitor had. None: as true if under 1% of events repeat an item."""


class HistoryModel(IndexedModel, frozen=True, dict=True):
    """Users of each item, as shares of all; subclasses define `weigh`."""

    share: Annotated[Floats, Kept("popularity", "items", weights)]

    part: ClassVar[str]
    """Name of the contribution that is not popularity."""

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return raw scores of all items, given positions of the visitor's items, newest first."""
        raise NotImplementedError

    def order(self, history: Ints, question: int) -> Floats:
        """Weights of all items, as `weigh` is asked; so it is a baseline of evaluations, too."""
        return np.asarray(sum(self._parts(history, question).values()), np.float64)

    def score_catalogue(self, context: Context) -> Floats:
        """Weights of all items, which sum to 1, shape (items,)."""
        return self.order(*self._asked(context))

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """Weights of any ids; 0 outside the catalogue."""
        return np.append(self.score_catalogue(context), 0.0)[self.index.rows(items)]

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Floats]:
        """Parts of the weights, which add up to them."""
        rows, parts = self.index.rows(items), self._parts(*self._asked(context))
        return {name: np.append(part, 0.0)[rows] for name, part in parts.items()}

    def _asked(self, context: Context) -> tuple[Ints, int]:
        items = [event.item for event in context.events]
        rows = self.index.rows(items)
        # A number for each visitor and moment, for what is drawn by chance.
        question = crc32(repr((context.visitor, context.now, items)).encode())
        return rows[rows < len(self.share)], question

    def _parts(self, history: Ints, question: int) -> dict[str, Floats]:
        raw = self.weigh(history, question)
        lift = raw - raw.min(initial=np.inf)
        allowed = np.ones(len(raw))
        if self.card.extra.get("unseen"):
            allowed[history] = 0.0
        if not allowed.any():  # the visitor had everything
            allowed[:] = 1.0
        lift, popularity = lift * allowed, self.share * allowed
        above = float(lift.sum())
        lift *= (1 - _FLOOR) / (above or 1.0)
        popularity *= (_FLOOR if above else 1.0) / (float(popularity.sum()) or 1.0)
        return {self.part: lift, "popularity": popularity}


class Baseline:
    """Base of the recipes: each learns a few fields of its model."""

    name: ClassVar[str]
    needs_item = False
    settings: ClassVar[type[BaselineSettings]] = BaselineSettings
    model: ClassVar[type[HistoryModel]]

    def fit(self, data: Countable, settings: Any, seed: int) -> HistoryModel:
        """Count the log; the same data, settings and seed give the same model, bit for bit."""
        log = counts_of(data)
        catalogue, events = log.summary.data, log.sample(_MOST_EVENTS)
        n_items = len(catalogue.item_ids)
        unseen = settings.unseen
        if unseen is None:
            unseen = repeat_share(events.user, events.item, n_items) < RARE
        return self.model(
            card=make_card(
                self.name, _FORMAT, settings, seed, log.summary.fingerprint, {"unseen": unseen}
            ),
            index=ItemIndex.build(catalogue.item_ids, catalogue.attributes),
            share=popularity_shares(events.user, events.item, n_items) + _CHANCE,
            **self.learn(events, settings),
        )

    def load(self, card: ModelCard, arrays: Arrays) -> HistoryModel:
        """Rebuild a stored model; CorruptArtefact if it does not fit."""
        read_card(card, self.name, _FORMAT, self.settings)
        return self.model.from_arrays(arrays, card=card)

    def learn(self, _events: TrainingData, _settings: Any) -> Mapping[str, object]:
        """Return the fields that the model has beside those of all."""
        return {}


class RandomModel(HistoryModel, frozen=True, dict=True):
    """A random order for each visitor and moment."""

    part = "chance"

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return numbers from 0 to 1, the same for the same question."""
        return by_chance(len(self.share), self.card.seed)(history, question)


class Random(Baseline):
    """Every order as likely as any other."""

    name = RANDOM
    model = RandomModel


class OwnHistoryModel(HistoryModel, frozen=True, dict=True):
    """The visitor's own items, the newest first, then what is popular."""

    part = "own history"

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return 2 to 3 for the visitor's own items, and 0 for others."""
        return by_own_history(np.zeros(len(self.share)))(history, question)


class OwnHistory(Baseline):
    """The visitor's own items again, the newest first; then what is popular."""

    name = OWN_HISTORY
    model = OwnHistoryModel


class AttributesModel(HistoryModel, frozen=True, dict=True):
    """Attributes of the items, as in `ItemAttributes.codes`, an attribute each row."""

    codes: Annotated[Int32s, Kept("codes", "attributes items")]
    part = "related items"

    def weigh(self, history: Ints, question: int) -> Floats:
        """Return the number of attributes that each item shares with the visitor's items."""
        return by_attributes(self.codes.T)(history, question)


class Attributes(Baseline):
    """The number of attributes that an item shares with those that the visitor had."""

    name = ATTRIBUTES
    model = AttributesModel

    def learn(self, events: TrainingData, _settings: object) -> Mapping[str, object]:
        """Return the attributes."""
        return {"codes": events.attributes.codes.T.copy()}


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
