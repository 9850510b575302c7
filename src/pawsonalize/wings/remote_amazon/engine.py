"""Amazon Personalize as the engine: its parts, its campaigns, and its models."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

from pawsonalize.domain.errors import EngineUnavailable
from pawsonalize.engine.serving.live_model import ServingSettings
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.recipes import PERSONALIZED_RANKING, SIMILAR_ITEMS
from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.contract import Context, Model
from pawsonalize.recipes.counts.rows import largest
from pawsonalize.recipes.data import Arrays, Scores
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.campaigns import (
    MOST,
    AmazonCampaigns,
    AmazonQueries,
    AmazonServing,
)
from pawsonalize.wings.remote_amazon.forwarding import AmazonFeeding
from pawsonalize.wings.remote_amazon.groups import AmazonGroup, AmazonNames
from pawsonalize.wings.remote_amazon.versions import AmazonVersions

_KEPT, _KEPT_SECONDS = 64, 10.0  # an answer needs the same scores more than once
_FIRST_CHECKS = 5  # soon after each other, as a small campaign may be quick
_FIRST_SECONDS = 1.0
_Key = tuple[object, ...]
_Listed = list[tuple[str, float | None]]
_Ask = Callable[[], _Listed]


# Amazon scores a part of the catalogue. Everything else comes after that, the popular first,
# so that every item has its place. While it is away, a stand-in answers.
class AmazonPersonalize:
    """The parts of Amazon Personalize, in a region of an account."""

    def __init__(self, calls: Calls, names: AmazonNames, check_seconds: float) -> None:
        """Look every `check_seconds` whether something there is ready."""
        self.calls, self.names, self.check_seconds = calls, names, check_seconds
        self.group = AmazonGroup(calls, names, check_seconds)
        self.versions = AmazonVersions(calls, names, self.group)
        self.campaigns = AmazonCampaigns(calls, names, self.versions)
        self.feeding = AmazonFeeding(calls, self.group)


class _Found(msgspec.Struct, frozen=True):
    scores: NDArray[np.float64]
    used_fallback: bool


class AmazonModel:
    """See `RemoteModel`. `stand_in`, the popularity of items, answers while the other is away."""

    def __init__(self, recipe: str, fallback: Model, queries: AmazonQueries) -> None:
        self.fallback = fallback
        self._recipe = recipe
        self._queries = queries
        self._found: TTLCache[_Key, _Found] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._stood_in: TTLCache[_Key, bool] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._changing = threading.Lock()

    @property
    def card(self) -> ModelCard:
        """That of the stand-in."""
        # The stand-in is what is stored here.
        return self.fallback.card

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of `score_catalogue`."""
        return self.fallback.item_ids

    @property
    def why_away(self) -> str | None:
        """Reason why the stand-in answers; None while the remote engine does."""
        return self._queries.why_away

    def used_fallback(self, context: Context) -> bool:
        """True if the stand-in gave the newest scores of this context."""
        with self._changing:
            return self._stood_in.get(_key(context), False)

    def score_catalogue(self, context: Context) -> Scores:
        """Weights of the whole catalogue; they sum to 1."""
        return self._kept(context, (), self._scores_of_all).copy()

    def score(self, context: Context, items: Sequence[str]) -> Scores:
        """Weights of the given items; of a ranking they are comparable within it alone."""
        if self._recipe != PERSONALIZED_RANKING:
            return self._of_catalogue(context, items)
        listed = tuple(items)
        return self._kept(context, listed, partial(self._ranked, items=listed)).copy()

    def contributions(self, context: Context, items: Sequence[str]) -> Mapping[str, Scores]:
        """The remote engine does not say why: its score is all there is."""
        return {"remote": self.score(context, items)}

    def arrays(self) -> Arrays:
        """Those of the stand-in."""
        return self.fallback.arrays()

    def _of_catalogue(self, context: Context, items: Sequence[str]) -> Scores:
        scores = self.score_catalogue(context)
        places = {item: place for place, item in enumerate(self.item_ids)}
        general = np.asarray(self.fallback.score(context, items), np.float64)
        # What is not in the catalogue comes after all that is.
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
        key = (_key(context), items)
        with self._changing:
            kept = self._found.get(key)
        if kept is None:  # asked without the lock: it takes its time
            kept = ask(context)
            with self._changing:
                self._found[key] = kept
        with self._changing:
            self._stood_in[_key(context)] = kept.used_fallback
        return kept.scores

    def _scores_of_all(self, context: Context) -> _Found:
        general = np.asarray(self.fallback.score_catalogue(context), np.float64)
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

    def _ranked(self, context: Context, items: tuple[str, ...]) -> _Found:
        general = np.asarray(self.fallback.score(context, items), np.float64)
        return _spread(partial(self._queries.rank, context.visitor, items), items, general)


def _spread(ask: _Ask, items: Sequence[str], general: NDArray[np.float64]) -> _Found:
    try:
        return _Found(_weights(ask(), items, general), False)
    except EngineUnavailable:
        return _Found(general, True)


def _key(context: Context) -> _Key:
    newest = context.events[0] if context.events else None
    return context.visitor, context.now, len(context.events), newest


def _weights(
    listed: _Listed, items: Sequence[str], general: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return weights that sum to 1: those listed in their order, then the popular."""
    # Some recipes give no scores: then the order is all there is.
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
    if (rest := ~known).any():
        most = float(general[rest].max())
        # Everything else comes after the last one that is listed.
        floor = float(above_zero.min()) * 0.5
        weights[rest] = floor * general[rest] / most if most > 0 else 0.0
    return np.asarray(weights / weights.sum(), np.float64)


class AmazonCampaign(msgspec.Struct):
    """See `RemoteCampaign`. Moves the campaign there, a look at a time."""

    _personalize: AmazonPersonalize
    _campaign: str  # name of ours
    _queries: dict[str, AmazonQueries] = msgspec.field(default_factory=dict)
    _looked: tuple[AmazonServing, int] | None = None
    _look_again_at: float = 0.0

    def model(self, version: SolutionVersion, fallback: Model) -> AmazonModel:
        """See `RemoteCampaign.model`."""
        solution, there = version.solution, self._personalize
        if solution not in self._queries:
            queries = AmazonQueries(there.calls, there.campaigns, self._campaign, solution)
            self._queries[solution] = queries
        return AmazonModel(version.recipe, fallback, self._queries[solution])

    def is_serving(
        self, version: SolutionVersion, settings: ServingSettings, requested_at: int
    ) -> bool:
        """Look now and then, however often it is called; see `RemoteCampaign.is_serving`."""
        assert version.remote is not None
        wanted = AmazonServing(
            version.remote, version.solution, version.recipe, settings, requested_at
        )
        checks = self._looked[1] if self._looked and self._looked[0] == wanted else 0
        if checks and time.monotonic() < self._look_again_at:
            return False
        pause = self._personalize.check_seconds
        self._looked = wanted, checks + 1
        self._look_again_at = time.monotonic() + (
            min(_FIRST_SECONDS, pause) if checks < _FIRST_CHECKS else pause
        )
        return self._personalize.campaigns.reach(self._campaign, wanted)
