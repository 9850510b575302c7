"""A model at a remote engine: asked for every answer, with a stand-in here for when it is away.

The remote engine gives scores for a part of the catalogue. Everything else comes after that, the
popular first, so that every item has its place.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

from pawsonalize.domain.errors import EngineUnavailable
from pawsonalize.recipes import PERSONALIZED_RANKING, SIMILAR_ITEMS
from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.contract import Context, Model
from pawsonalize.recipes.counts.rows import largest
from pawsonalize.recipes.data import Arrays, Floats
from pawsonalize.wings.remote_amazon.queries import MOST, AmazonQueries

if TYPE_CHECKING:  # what counts is made of models
    from pawsonalize.recipes.counts.counting import Countable

_KEPT, _KEPT_SECONDS = 64, 10.0  # an answer asks for the same scores more than once
_Key = tuple[object, ...]
_Listed = list[tuple[str, float | None]]
_Ask = Callable[[], _Listed]


@dataclass(frozen=True, slots=True)
class _Found:
    scores: NDArray[np.float64]
    stood_in: bool


class AmazonModel:
    """See `RemoteModel`.

    `stand_in` is the popularity of the catalogue. It knows the items, and answers for the other.
    """

    def __init__(self, recipe: str, stand_in: Model, questions: AmazonQueries) -> None:
        self.stand_in = stand_in
        self._recipe = recipe
        self._queries = questions
        self._found: TTLCache[_Key, _Found] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._stood_in: TTLCache[_Key, bool] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._changing = threading.Lock()

    @property
    def card(self) -> ModelCard:
        """That of the stand-in, which is what is stored here."""
        return self.stand_in.card

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""
        return self.stand_in.item_ids

    @property
    def why_away(self) -> str | None:
        """Why the stand-in answers; None while the remote engine does."""
        return self._queries.why_away

    def stood_in(self, context: Context) -> bool:
        """Whether the stand-in gave the newest scores of this context."""
        with self._changing:
            return self._stood_in.get(_key(context), False)

    def score_catalogue(self, context: Context) -> Floats:
        """Weights of the whole catalogue; they sum to 1."""
        return self._kept(context, (), self._asked_all).copy()

    def score(self, context: Context, items: Sequence[str]) -> Floats:
        """Weights of the given items; of a ranking they are comparable within it alone."""
        if self._recipe != PERSONALIZED_RANKING:
            return self._of_catalogue(context, items)
        listed = tuple(items)
        return self._kept(context, listed, partial(self._asked_to_rank, items=listed)).copy()

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Floats]:
        """The remote engine does not say why: its score is all there is."""
        return {"remote": self.score(context, items)}

    def refreshed(self, data: "Countable") -> Model:
        """The stand-in with newer counts; the remote engine keeps itself fresh."""
        return self.stand_in.refreshed(data)

    def arrays(self) -> Arrays:
        """Those of the stand-in."""
        return self.stand_in.arrays()

    def _of_catalogue(self, context: Context, items: Sequence[str]) -> Floats:
        scores = self.score_catalogue(context)
        places = {item: place for place, item in enumerate(self.item_ids)}
        general = np.asarray(self.stand_in.score(context, items), np.float64)
        least = float(scores.min(initial=1.0)) / max(float(general.max(initial=0.0)), 1e-30)
        return np.array(
            [
                scores[places[item]] if item in places else min(weight * least, 1.0)
                for item, weight in zip(items, general.tolist(), strict=True)
            ],
            np.float64,
        )

    def _kept(
        self, context: Context, items: tuple[str, ...], ask: Callable[[Context], _Found]
    ) -> NDArray[np.float64]:
        """What was asked a moment ago, or is asked now."""
        key = (_key(context), items)
        with self._changing:
            kept = self._found.get(key)
        if kept is None:  # asked without the lock: it takes its time
            kept = ask(context)
            with self._changing:
                self._found[key] = kept
        with self._changing:
            self._stood_in[_key(context)] = kept.stood_in
        return kept.scores

    def _asked_all(self, context: Context) -> _Found:
        general = np.asarray(self.stand_in.score_catalogue(context), np.float64)
        item = context.events[0].item if context.events else None
        if not len(general):
            return _Found(general, False)
        if self._recipe == PERSONALIZED_RANKING:
            places = largest(general, min(MOST, len(general)))
            ids = [self.item_ids[place] for place in places.tolist()]
            ask: _Ask = partial(self._queries.rank, context.visitor, ids)
        elif self._recipe != SIMILAR_ITEMS:
            ask = partial(self._queries.recommend, context.visitor, None, len(general))
        elif item is not None:
            ask = partial(self._queries.recommend, context.visitor, item, len(general))
        else:  # like nothing: what everybody likes
            return _Found(general, False)
        return _spread(ask, self.item_ids, general)

    def _asked_to_rank(self, context: Context, items: tuple[str, ...]) -> _Found:
        general = np.asarray(self.stand_in.score(context, items), np.float64)
        return _spread(partial(self._queries.rank, context.visitor, items), items, general)


def _spread(ask: _Ask, items: Sequence[str], general: NDArray[np.float64]) -> _Found:
    """A weight for each item, by what the remote engine says, or else as it is in general."""
    try:
        listed = ask()
    except EngineUnavailable:
        return _Found(general, True)
    return _Found(_weights(listed, items, general), False)


def _key(context: Context) -> _Key:
    newest = context.events[0] if context.events else None
    return context.visitor, context.now, len(context.events), newest


def _weights(
    listed: _Listed, items: Sequence[str], general: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A weight for each item, summing to 1: those listed in their order, then the popular.

    Without scores, the weights fall with the place, 1 / (place + 1).
    """
    has_scores = any(score is not None for _, score in listed)
    found = {
        item: (score or 0.0) if has_scores else 1.0 / (place + 1)
        for place, (item, score) in enumerate(listed)
    }
    known = np.array([item in found for item in items], np.bool_)
    weights = np.array([found.get(item, 0.0) for item in items], np.float64)
    above_zero = weights[weights > 0]
    if not len(above_zero):
        return general
    rest = ~known
    if rest.any():
        most = float(general[rest].max())
        floor = float(above_zero.min()) * 0.5
        weights[rest] = floor * general[rest] / most if most > 0 else 0.0
    total: float = float(weights.sum())
    shares: NDArray[np.float64] = weights / total
    return shares
