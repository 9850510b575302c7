"""Amazon Personalize as one thing: all that the engine uses of it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

from pawsonalize.domain.errors import EngineUnavailable
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.engine.serving.served import ServingSettings
from pawsonalize.kinds.solutions import SolutionVersion
from pawsonalize.recipes import PERSONALIZED_RANKING, SIMILAR_ITEMS
from pawsonalize.recipes.artefact import ModelCard
from pawsonalize.recipes.contract import Context, Model
from pawsonalize.recipes.counts.rows import largest
from pawsonalize.recipes.data import Arrays, Floats
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.campaigns import (
    MOST,
    AmazonCampaigns,
    AmazonQueries,
    AmazonServing,
)
from pawsonalize.wings.remote_amazon.forwarding import AmazonFeeding
from pawsonalize.wings.remote_amazon.groups import AmazonGroup, AmazonNames
from pawsonalize.wings.remote_amazon.versions import RECIPES, AmazonVersions

if TYPE_CHECKING:
    from pawsonalize.recipes.counts.counting import Countable


@dataclass(frozen=True)
class AmazonPersonalize:
    """What trains and answers for the default dataset group, in a region of an account."""

    calls: Calls
    names: AmazonNames
    check_seconds: float
    """How often to look whether what was begun there is ready."""
    group: AmazonGroup = field(init=False)
    versions: AmazonVersions = field(init=False)
    campaigns: AmazonCampaigns = field(init=False)
    feeding: AmazonFeeding = field(init=False)

    def __post_init__(self) -> None:
        group = AmazonGroup(self.calls, self.names, self.check_seconds)
        versions = AmazonVersions(self.calls, self.names, group)
        object.__setattr__(self, "group", group)
        object.__setattr__(self, "versions", versions)
        object.__setattr__(
            self, "campaigns", AmazonCampaigns(self.calls, self.names, group, versions)
        )
        object.__setattr__(self, "feeding", AmazonFeeding(self.calls, group))

    def trains(self, dataset_group: str, recipe: str) -> bool:
        """Whether versions of that recipe, on that group's data, are trained there."""
        return dataset_group == DEFAULT_DATASET_GROUP and recipe in RECIPES

    def queries(self, campaign: str, solution: str) -> AmazonQueries:
        """What asks the campaign there that stands for one of ours."""
        return AmazonQueries(self.calls, self.campaigns, campaign, solution)


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


_FIRST_LOOKS = 5  # soon after each other, as a small campaign may be quick
_FIRST_SECONDS = 1.0


class AmazonCampaign:
    """See `RemoteCampaign`. Moves the campaign there, a look at a time."""

    def __init__(
        self,
        personalize: AmazonPersonalize,
        campaign: str,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`campaign` is the name of ours."""
        self._personalize = personalize
        self._campaign = campaign
        self._steady = steady
        self._queries: dict[str, AmazonQueries] = {}
        self._looked: tuple[AmazonServing, int] | None = None
        self._look_again_at = 0.0

    def model(self, version: SolutionVersion, stand_in: Model) -> AmazonModel:
        """See `RemoteCampaign.model`."""
        solution = version.solution
        if solution not in self._queries:
            self._queries[solution] = self._personalize.queries(self._campaign, solution)
        return AmazonModel(version.recipe, stand_in, self._queries[solution])

    def is_serving(
        self, version: SolutionVersion, settings: ServingSettings, requested_at: int
    ) -> bool:
        """Look now and then, however often it is called; see `RemoteCampaign.is_serving`."""
        assert version.remote is not None
        wanted = AmazonServing(
            version=version.remote,
            solution=version.solution,
            recipe=version.recipe,
            min_provisioned_tps=settings.min_provisioned_tps,
            exploration_weight=settings.exploration_weight,
            exploration_item_age_cut_off=settings.exploration_item_age_cut_off,
            asked_at=requested_at,
        )
        looks = self._looked[1] if self._looked and self._looked[0] == wanted else 0
        if looks and self._steady() < self._look_again_at:
            return False
        pause = self._personalize.check_seconds
        self._looked = wanted, looks + 1
        self._look_again_at = self._steady() + (
            min(_FIRST_SECONDS, pause) if looks < _FIRST_LOOKS else pause
        )
        return self._personalize.campaigns.reach(self._campaign, wanted)
