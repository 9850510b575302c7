"""`similar-items`: what is like the item in question, by who chose both and by attributes."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec.structs import replace

from pawsonalize.core.times import DAY
from pawsonalize.models.recipes import SIMILAR_ITEMS
from pawsonalize.models.recipes.artefact import Kept, ModelCard, make_card, read_card
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.counts.popularity import Popularity
from pawsonalize.models.recipes.counts.rows import SparseRows, covisit_table
from pawsonalize.models.recipes.counts.weights import EventWeights
from pawsonalize.models.recipes.data import Arrays, Ints, Singles
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.settings import Bound, Positive, Range, RecipeSettings, Share

_FORMAT = 2
PARTS = ("co-visits", "related items", "popularity", "freshness")
_BOOST = 4.0  # at an influence of 1 the most popular item weighs five times its similarity
# Orders what is equally similar and what is not similar at all, without a say in anything else.
_FLOOR = 1e-4
_UNTOUCHED = int(np.iinfo(np.int64).max)


class SimilarItemsSettings(RecipeSettings, frozen=True):
    """Settings of `similar-items`."""

    popularity_influence: Annotated[Share, Range(0.0, 1.0)] = 0.0
    """From 0, similarity alone, to 1: the more popular of two similar items comes first."""
    freshness_influence: Share = 0.0
    """From 0, similarity alone, to 1: the newer of two similar items comes first."""
    related_items_weight: Annotated[float, Range(0.01, 1.0, log=True)] = 0.1
    """Weight of an item alike in every attribute; co-visits of two items count up to 1."""
    related_items_level_fade: Share = 0.6
    """Weight of size and age beside the breed, and of the species beside size and age."""
    covisit_history: int = 50
    """Number of a user's newest visits that count for co-visits."""
    covisit_shrinkage: Annotated[float, Range(1.0, 100.0, log=True)] = 20.0
    """Added to the cosine's denominator: higher trusts rare pairs less."""
    neighbours: int = 64
    """Number of co-visited items that are kept of each item."""
    behaviour_half_life_days: Annotated[Positive, Range(30.0, 720.0, log=True)] = 180.0
    """Days after which a visit counts half for co-visits."""
    popularity_half_life_days: Positive = 30.0
    """Days after which a user's choice counts half for popularity."""
    freshness_half_life_days: Positive = 14.0
    """Days after its first event until an item is half as fresh; untouched ones are fresh."""
    smoothing: Annotated[Positive, Bound.UP_TO_ONE] = 0.1
    """Users (less than one) added to every item's popularity."""


class SimilarItems:
    """Co-visits and shared attributes of the newest event's item, which itself is left out."""

    name = SIMILAR_ITEMS
    needs_item = True
    settings = SimilarItemsSettings

    def fit(
        self, data: Countable, settings: SimilarItemsSettings, seed: int
    ) -> "SimilarItemsModel":
        """Count the log; the seed only goes on the card."""
        # Nothing is random here.
        s, log = settings, counts_of(data)
        summary = log.summary
        index = ItemIndex.build(summary.data.item_ids, summary.data.attributes)
        weights = EventWeights(half_life_days=s.behaviour_half_life_days)
        covisits = covisit_table(
            log.covisits(weights, s.covisit_history),
            width=s.neighbours,
            shrinkage=s.covisit_shrinkage,
        )
        users = log.users(s.popularity_half_life_days)
        return SimilarItemsModel(
            card=make_card(self.name, _FORMAT, s, seed, summary.fingerprint),
            index=index,
            covisits=covisits,
            popularity=Popularity.of(users, index, s.smoothing),
            first_event=log.first_events(_UNTOUCHED),
            _settings=s,
        )

    def load(self, card: ModelCard, arrays: Arrays) -> "SimilarItemsModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        settings = read_card(card, self.name, _FORMAT, self.settings)
        return SimilarItemsModel.from_arrays(arrays, card=card, _settings=settings)


class SimilarItemsModel(IndexedModel, frozen=True, dict=True):
    """Co-visits, attributes and influences; `first_event` (items,) is in ms since 1970."""

    covisits: Annotated[SparseRows, Kept("covisits.", "items")]
    popularity: Annotated[Popularity, Kept("")]
    first_event: Annotated[Ints, Kept("first_event", "items")]
    _settings: SimilarItemsSettings

    def score_catalogue(self, context: Context) -> Singles:
        """Similarity to the newest event's item (itself 0); popularity if nothing is similar."""
        scores: Singles = self._parts(context, ()).sum(axis=0)
        return scores

    def score(self, context: Context, items: Sequence[str]) -> Singles:
        """The same of any ids; outside the catalogue, as an untouched related item."""
        columns, outside = self.index.columns(items)
        scores: Singles = self._parts(context, outside).sum(axis=0)
        return scores[columns]

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Singles]:
        """Return the shares of the parts in the scores of the ids, by name; they sum to `score`."""
        columns, outside = self.index.columns(items)
        parts = self._parts(context, outside)
        return {name: part[columns] for name, part in zip(PARTS, parts, strict=True)}

    def influenced(self, popularity: float | None, freshness: float | None) -> "SimilarItemsModel":
        """The same counts, where popularity and freshness count as much as that; None: as now."""
        s = self._settings
        popularity = s.popularity_influence if popularity is None else popularity
        freshness = s.freshness_influence if freshness is None else freshness
        s = replace(s, popularity_influence=popularity, freshness_influence=freshness)
        return replace(self, _settings=s)

    def _parts(self, context: Context, outside: Sequence[str]) -> Singles:
        s, n_items = self._settings, len(self.index.ids)
        parts = np.zeros((len(PARTS), n_items + len(outside)), np.float32)
        covisits, related, popularity, freshness = parts
        cells, share = self.index.cells[:, :n_items], self.popularity.share
        if outside:
            outside_cells = self.index.cells_of_ids(outside)
            cells = np.hstack((cells, outside_cells))
            share = np.append(share, self.popularity.of_cells(outside_cells))
        popularity += np.float32(_FLOOR) * share
        if context.events:
            question = context.events[0].item
            row = self.index.rows((question,))
            own = self.index.cells_of_ids((question,))[:, 0]
            if row[0] < n_items:
                own = self.index.cells[:, row[0]]
            self.covisits.add_to(covisits, row, np.ones(1, np.float32))
            fades = [s.related_items_level_fade**level for level in range(len(own))]
            for cell, others, fade in zip(own.tolist(), cells, fades, strict=True):
                if cell != self.index.n_cells:
                    worth = np.float32(s.related_items_weight * fade / sum(fades))
                    related += (others == cell) * worth
            similarity = covisits + related
            if s.popularity_influence:
                renown = np.sqrt(share / max(float(self.popularity.share.max(initial=0)), 1e-30))
                popularity += np.float32(_BOOST * s.popularity_influence) * renown * similarity
            if s.freshness_influence:
                age = np.maximum(float(context.now) - self.first_event.astype(np.float64), 0.0)
                fresh = np.exp2(-age / (s.freshness_half_life_days * DAY))
                fresh = np.append(fresh, np.ones(len(outside))).astype(np.float32)
                freshness += np.float32(_BOOST * s.freshness_influence) * fresh * similarity
            # The item in question is never an answer.
            parts[:, row[row < n_items]] = 0
            parts[:, [n_items + k for k, item in enumerate(outside) if item == question]] = 0
        # All is 0 if the catalogue holds nothing else.
        parts /= float(parts[:, :n_items].sum(axis=1).sum()) or 1.0
        return parts
