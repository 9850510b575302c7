"""A plain class with `fit(data)` and `score(context, items)`, as a recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes.artefact import ModelCard, make_card, read_card
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.data import Array, Arrays, Floats
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.settings import RecipeSettings

_OWN = "own."
_ALL = 1 << 62


@dataclass(frozen=True)
class AdaptedRecipe:
    """The recipe of a plain class; one with `arrays()` and `load(arrays)` can be stored."""

    kind: type[Any]
    name: str
    needs_item: bool = False
    settings = RecipeSettings  # none

    def fit(self, data: Countable, settings: RecipeSettings, seed: int) -> "AdaptedModel":
        """Fit an instance on all events; the seed only goes on the card."""
        counts = counts_of(data)
        events, fitted = counts.sample(_ALL), self.kind()
        fitted.fit(events)
        card = make_card(self.name, 1, settings, seed, counts.summary.fingerprint)
        return AdaptedModel(card, ItemIndex.build(events.item_ids, events.attributes), fitted)

    def load(self, card: ModelCard, arrays: Arrays) -> "AdaptedModel":
        """Rebuild by the class's own `load`; CorruptArtefact when it does not fit."""
        read_card(card, self.name, 1, self.settings)
        own = {k.removeprefix(_OWN): array for k, array in arrays.items() if k.startswith(_OWN)}
        return AdaptedModel.from_arrays(arrays, card=card, fitted=self.kind.load(own))


class AdaptedModel(IndexedModel, frozen=True, dict=True):
    """A fitted instance; its scores are weights, whatever they sum to."""

    fitted: Any

    def score_catalogue(self, context: Context) -> Floats:
        """Its scores of the catalogue, which sum to 1."""
        scores = self._scores(context, self.item_ids)
        return np.asarray(scores / (scores.sum() or 1.0))

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """Its scores of any ids, on the same scale."""
        whole = self._scores(context, self.item_ids).sum() or 1.0
        return np.asarray(self._scores(context, items) / whole)

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Floats]:
        """It does not say why: its score is all there is."""
        return {self.card.recipe: self.score(context, items)}

    def arrays(self) -> dict[str, Array]:
        """Its own arrays, and the catalogue; InvalidInput if it has none."""
        kind = type(self.fitted)
        if not (hasattr(kind, "arrays") and hasattr(kind, "load")):
            raise InvalidInput(
                f"{kind.__name__} can be compared but not stored: give it arrays(), which returns"
                " NumPy arrays by name, and a class method load(arrays)",
                field="recipe",
            )
        own = {_OWN + name: np.asarray(one) for name, one in self.fitted.arrays().items()}
        return {**super().arrays(), **own}

    def _scores(self, context: Context, items: Sequence[str]) -> Floats:
        return scores_of(self.fitted, self.card.recipe, context, items)


def scores_of(fitted: Any, name: str, context: Context, items: Sequence[str]) -> Floats:
    """Ask a plain class for any numbers but NaN, one an item; ValueError if it gives others.

    A comparison orders by them. A service shares out places by them: there they are at least 0.
    """
    scores = np.asarray(fitted.score(context, items), np.float64)
    if scores.shape == (len(items),) and not np.isnan(scores).any():
        return scores
    raise ValueError(
        f"{name} gives scores of shape {scores.shape} for {len(items)} items,"
        f" {np.isnan(scores).sum()} of them NaN"
    )
