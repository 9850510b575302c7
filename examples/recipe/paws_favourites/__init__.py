"""A recipe: what visitors choose in these days, and before all else what this one chose before."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize import (
    Context,
    Countable,
    IndexedModel,
    ItemIndex,
    Kept,
    ModelCard,
    Positive,
    Range,
    RecipeSettings,
    counts_of,
    finite,
    make_card,
    read_card,
)

FORMAT = 1  # another one whenever the arrays of a stored model change their meaning
Floats = NDArray[np.float32]


class FavouritesSettings(RecipeSettings, frozen=True):
    """Settings, which a training may choose by itself within their ranges."""

    half_life_days: Annotated[Positive, Range(1.0, 60.0, log=True)] = 7.0
    """Days after which a choice counts half."""
    again: Annotated[Positive, Range(0.01, 10.0, log=True)] = 1.0
    """Weight of each event of the visitor's own history, where all others' choices weigh 1."""


class Favourites:
    """Unique visitors per item, decayed by time, and the visitor's own items again."""

    name = "paws-favourites"
    needs_item = False
    settings = FavouritesSettings

    def fit(self, data: Countable, settings: FavouritesSettings, seed: int) -> "FavouritesModel":
        """Train; the same data, settings and seed give the same model, bit for bit."""
        counts = counts_of(data)
        log = counts.summary.data
        users = counts.users(settings.half_life_days) + 0.1  # nobody is without a chance
        card = make_card(self.name, FORMAT, settings, seed, counts.summary.fingerprint)
        index = ItemIndex.build(log.item_ids, log.attributes)
        return FavouritesModel(card, index, (users / max(users.sum(), 1e-9)).astype(np.float32))

    def load(self, card: ModelCard, arrays: Any) -> "FavouritesModel":
        """Rebuild a stored model; CorruptArtefact if it does not fit."""
        read_card(card, self.name, FORMAT, self.settings)
        return FavouritesModel.from_arrays(arrays, card=card)


class FavouritesModel(IndexedModel, frozen=True, dict=True):
    """The trained model, which never changes."""

    share: Annotated[Floats, Kept("share", "items", finite)]

    def score_catalogue(self, context: Context) -> Floats:
        """Weights of all items, which sum to 1, shape (items,)."""
        parts: list[Floats] = [*self._parts(context).values()]
        return parts[0] + parts[1]

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """Weights of any ids; 0 outside the catalogue."""
        return np.append(self.score_catalogue(context), np.float32(0))[self.index.rows(items)]

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Floats]:
        """Parts of the scores, which add up to them."""
        rows = self.index.rows(items)
        return {
            name: np.append(part, np.float32(0))[rows]
            for name, part in self._parts(context).items()
        }

    def _parts(self, context: Context) -> dict[str, Floats]:
        again = FavouritesSettings(**self.card.settings).again
        rows = self.index.rows([event.item for event in context.events])
        own = np.bincount(rows, minlength=len(self.share) + 1)[:-1] * again
        total = 1 + own.sum()
        return {
            "favourites": (self.share / total).astype(np.float32),
            "own history": (own / total).astype(np.float32),
        }
