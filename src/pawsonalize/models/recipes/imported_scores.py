"""`imported-scores` and `imported-similar-items`: the scores of a model that was trained elsewhere.

A training reads them from files and binds them to the recipe before it fits: `fit` stays pure, and
only the popularity behind them is counted anew on other events. Users are named by digests alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import digest, digest_number, visitor_key
from pawsonalize.models.recipes import IMPORTED_SCORES
from pawsonalize.models.recipes.artefact import Kept, ModelCard, Stored, below, make_card, read_card
from pawsonalize.models.recipes.artefact import weights as are_weights
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.counts.popularity import Popularity
from pawsonalize.models.recipes.data import Arrays, Int32s, Ints, Singles
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.settings import Positive, RecipeSettings

_FORMAT = 1
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
PARTS = ("imported scores", "popularity")
OWNER = "imported.owner"
"""The array of an artefact that says whose the scores are."""


class ImportedScoresSettings(RecipeSettings, frozen=True):
    """Settings of `imported-scores` and `imported-similar-items`."""

    location: str = "file:///"
    """CSV or Parquet to read: `file://…` where import jobs may read, or `s3://bucket/key`."""
    half_life_days: Positive = 30.0
    """Days after which a choice counts half for popularity, which orders what the file lacks."""


class ImportedRows(Stored, frozen=True):
    """Scores of items, sorted by whose they are: a user's, or an item's that others are like."""

    owner: Annotated[Ints, Kept("owner", "scores")]  # `owner_digest` of the name
    items: Annotated[tuple[str, ...], Kept("items", "scored")]
    item: Annotated[Int32s, Kept("item", "scores", below("scored"))]
    score: Annotated[Singles, Kept("score", "scores", are_weights)]


def owner_digest(name: str) -> int:
    """The digest of a user's id, as contexts have it, or of an item's."""
    return digest_number(digest(visitor_key(name, None)))


def without_owners(arrays: Arrays, owners: Collection[int]) -> Arrays:
    """Arrays of an artefact without the imported scores of these owners, if it has any."""
    if OWNER not in arrays:
        return arrays
    kept = ~np.isin(arrays[OWNER], list(owners))
    return {
        **arrays,
        **{name: arrays[name][kept] for name in (OWNER, "imported.item", "imported.score")},
    }


@dataclass(frozen=True)
class ImportedScores:
    """A user's or an item's scores by a model that was trained elsewhere, then what is popular."""

    name: str = IMPORTED_SCORES
    needs_item: bool = False
    rows: ImportedRows | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    """Digest and size of the files that the rows are of."""
    settings = ImportedScoresSettings

    def fit(
        self, data: Countable, settings: ImportedScoresSettings, seed: int
    ) -> "ImportedScoresModel":
        """Count popularity behind the scores that were read; the seed only goes on the card."""
        if self.rows is None:
            raise InvalidInput(
                f"{self.name} scores by a file that a training reads: set location, train a"
                " version, and ask for that version",
                field="recipe",
            )
        log = counts_of(data)
        summary = log.summary
        index = ItemIndex.build(summary.data.item_ids, summary.data.attributes)
        popularity = Popularity.of(log.users(settings.half_life_days), index, smoothing=0.1)
        extra = {"imported": self.source}
        card = make_card(self.name, _FORMAT, settings, seed, summary.fingerprint, extra)
        return ImportedScoresModel(card, index, popularity, self.rows)

    def load(self, card: ModelCard, arrays: Arrays) -> "ImportedScoresModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        read_card(card, self.name, _FORMAT, self.settings)
        return ImportedScoresModel.from_arrays(arrays, card=card)


class ImportedScoresModel(IndexedModel, frozen=True, dict=True):
    """Scores by visitor, or by the newest event's item, which itself is left out."""

    popularity: Annotated[Popularity, Kept("")]
    rows: Annotated[ImportedRows, Kept("imported.")]

    @property
    def recipe(self) -> ImportedScores:
        """The recipe with the same scores, to be fitted on other events."""
        by_item, source = self._needs_item, self.card.extra["imported"]
        return ImportedScores(self.card.recipe, by_item, self.rows, source)

    def score_catalogue(self, context: Context) -> Singles:
        """Scores of the file first, then all else by popularity; they sum to 1."""
        return np.asarray(self._parts(context, ()).sum(axis=0))

    def score(self, context: Context, items: Sequence[str]) -> Singles:
        """The same of any ids; outside the catalogue, as an untouched related item."""
        columns, outside = self.index.columns(items)
        return np.asarray(self._parts(context, outside).sum(axis=0)[columns])

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Singles]:
        """The parts of the scores: each is of the file, or of popularity."""
        columns, outside = self.index.columns(items)
        return dict(zip(PARTS, self._parts(context, outside)[:, columns], strict=True))

    @cached_property
    def _needs_item(self) -> bool:
        return self.card.recipe != IMPORTED_SCORES

    @cached_property
    def _places(self) -> Ints:
        return self.index.rows(self.rows.items)

    def _parts(self, context: Context, outside: Sequence[str]) -> NDArray[np.float32]:
        n_items, owner, question = len(self.index.ids), context.digest, None
        if self._needs_item:
            question = context.events[0].item if context.events else None
            owner = None if question is None else owner_digest(question)
        first, end = (np.searchsorted(self.rows.owner, owner or 0, side) for side in _SIDES)
        places = self._places[self.rows.item[first:end]]
        inside = places < n_items
        places, score = places[inside], self.rows.score[first:end][inside]
        parts = np.zeros((2, n_items + len(outside)))
        parts[1, :n_items] = self.popularity.share
        if outside:
            parts[1, n_items:] = self.popularity.of_cells(self.index.cells_of_ids(outside))
        if (least := float(score[score > 0].min(initial=np.inf))) < np.inf:
            # What the file lacks comes after the last that it has.
            parts[1] *= least / 2 / max(float(parts[1].max()), 1e-30)
            parts[:, places] = score, np.zeros(len(score))
        if question is not None:
            asked = self.index.rows((question,))
            parts[:, asked[asked < n_items]] = 0
            parts[:, n_items:][:, [item == question for item in outside]] = 0
        return (parts / (parts[:, :n_items].sum() or 1.0)).astype(np.float32)
