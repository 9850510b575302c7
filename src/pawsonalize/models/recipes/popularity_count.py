"""`popularity-count`: the same for everyone, what most users chose lately."""

from collections.abc import Sequence
from typing import Annotated, NoReturn

import numpy as np

from pawsonalize.core.errors import InvalidInput
from pawsonalize.models.recipes import HTTP_SCORER, POPULARITY_COUNT
from pawsonalize.models.recipes.artefact import Kept, ModelCard, make_card, read_card
from pawsonalize.models.recipes.contract import Context
from pawsonalize.models.recipes.counts.counting import Countable, counts_of
from pawsonalize.models.recipes.counts.popularity import Popularity
from pawsonalize.models.recipes.counts.weights import EventWeights
from pawsonalize.models.recipes.data import Arrays, Singles
from pawsonalize.models.recipes.items import IndexedModel, ItemIndex
from pawsonalize.models.recipes.settings import Bound, Positive, Range, RecipeSettings

_FORMAT = 1
_NOTHING = 1e-5  # what rounding may leave of a share of 0


class PopularityCountSettings(RecipeSettings, frozen=True):
    """Settings of `popularity-count`."""

    half_life_days: Annotated[Positive, Range(5.0, 120.0, log=True)] = 30.0
    """Days after which a user's choice counts half."""
    smoothing: Annotated[Positive, Bound.UP_TO_ONE] = 0.1
    """Users (less than one) added to every item, so that untouched ones keep a chance."""
    unseen: bool = False
    """True: nothing that the visitor had, unless that is all there is."""
    repeats: bool = False
    """True: every event counts, such as each purchase; else each user once per item."""


class PopularityCount:
    """Unique users, or events, per item, decayed by time; every other recipe has to beat it."""

    name: str = POPULARITY_COUNT
    needs_item = False
    settings = PopularityCountSettings

    def fit(
        self, data: Countable, settings: PopularityCountSettings, seed: int
    ) -> "PopularityCountModel":
        """Count the log; the seed only goes on the card."""
        # Nothing is random here.
        log = counts_of(data)
        summary, half_life = log.summary, settings.half_life_days
        users = log.users(half_life)
        if settings.repeats:
            users = log.choices(EventWeights(half_life_days=half_life))
        index = ItemIndex.build(summary.data.item_ids, summary.data.attributes)
        return PopularityCountModel(
            make_card(self.name, _FORMAT, settings, seed, summary.fingerprint),
            index,
            Popularity.of(users, index, settings.smoothing),
        )

    def load(self, card: ModelCard, arrays: Arrays) -> "PopularityCountModel":
        """Rebuild from an artefact; CorruptArtefact when it does not fit."""
        read_card(card, self.name, _FORMAT, self.settings)
        return PopularityCountModel.from_arrays(arrays, card=card)


class HttpScorer(PopularityCount):
    """Scores that a service of the operator's answers by HTTP, with popularity behind them."""

    name = HTTP_SCORER

    def fit(self, *_wanted: object) -> NoReturn:
        """Refuse: versions are trained, and answer, where a scorer is set."""
        raise InvalidInput(
            f"{self.name} asks the scorer at http_scorer_url: set it, train a version, and ask for"
            " that version",
            field="recipe",
        )


class PopularityCountModel(IndexedModel, frozen=True, dict=True):
    """The shares; the context changes nothing, but for what was seen."""

    popularity: Annotated[Popularity, Kept("")]

    def score_catalogue(self, context: Context) -> Singles:
        """The share of every item; sums to 1."""
        return self._weigh(context, self.popularity.share.copy(), self.index.ids)

    def score(self, context: Context, items: Sequence[str]) -> Singles:
        """The share of each id; outside the catalogue, that of an untouched related item."""
        return self._weigh(context, self.popularity.of_ids(items, self.index), items)

    def _weigh(self, context: Context, shares: Singles, items: Sequence[str]) -> Singles:
        if not self.card.settings.get("unseen"):
            return shares
        seen = {event.item for event in context.events}
        rows = self.index.rows([*seen])
        left = 1 - float(self.popularity.share[rows[rows < len(self.index.ids)]].sum())
        if left <= _NOTHING:
            return shares
        factor = np.float32(1 / left)
        return np.where([item in seen for item in items], np.float32(0), shares * factor)

    def contributions(self, context: Context, items: Sequence[str]) -> dict[str, Singles]:
        """Popularity is all there is."""
        return {"popularity": self.score(context, items)}
