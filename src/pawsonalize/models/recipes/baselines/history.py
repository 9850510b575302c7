"""The baselines: items are scored by those that the visitor had, equal ones by popularity.

Raw scores are what the literature defines. Weights are an increasing linear function of them, as
those of all recipes are at least 0 and sum to 1.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar
from zlib import crc32

import numpy as np

from pawsonalize.models.evaluation.splits import (
    RARE,
    by_attributes,
    by_chance,
    by_own_history,
    popularity_shares,
    repeat_share,
)
from pawsonalize.models.recipes import ATTRIBUTES, OWN_HISTORY, RANDOM
from pawsonalize.models.recipes.artefact import Kept, ModelCard, make_card, read_card, weights
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.data import Arrays, Floats, Int32s, Ints, TrainingData
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.settings import RecipeSettings

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
