"""Amazon Personalize as the engine: its parts, its models, and its campaigns.

A version goes live in a campaign there while the one before serves on.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import numpy as np
from cachetools import TTLCache
from numpy.typing import NDArray

from pawsonalize.core import errors
from pawsonalize.core.errors import EngineUnavailable
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND
from pawsonalize.models.recipes import PERSONALIZED_RANKING, SIMILAR_ITEMS, USER_PERSONALIZATION
from pawsonalize.models.recipes.artefact import ModelCard
from pawsonalize.models.recipes.contract import Context, Model
from pawsonalize.models.recipes.counts.rows import largest
from pawsonalize.models.recipes.data import Arrays, Scores
from pawsonalize.recommend.live_model import ServingSettings
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize_remote_amazon.calls import Calls
from pawsonalize_remote_amazon.forwarding import AmazonFeeding
from pawsonalize_remote_amazon.groups import AmazonGroup, AmazonNames, AmazonVersions, is_arn

MOST = 500
"""Number of items that one query gets, or gives, at most."""
NOBODY = "pawsonalize-nobody"
"""A user without any event, who gets popular items."""
_FORGOTTEN_SECONDS = 60.0
_PAUSE_SECONDS = 2.0  # after a failure nobody waits for another one

log = get_logger()


class AmazonServing(msgspec.Struct, frozen=True):
    """The version that a campaign there is to serve, and its settings."""

    version: str
    solution: str
    recipe: str
    settings: ServingSettings
    # Moment of the request, in milliseconds since 1970; earlier failures do not count.
    requested_at: int

    @property
    def config(self) -> dict[str, Any]:
        """The campaign's configuration; only one recipe explores."""
        if self.recipe != USER_PERSONALIZATION:
            return {}
        exploration = {
            "explorationWeight": f"{self.settings.exploration_weight:g}",
            "explorationItemAgeCutOff": str(self.settings.exploration_item_age_cut_off),
        }
        return {"itemExplorationConfig": exploration}


class AmazonCampaigns(msgspec.Struct):
    """Brings campaigns there to where ours are."""

    _calls: Calls
    _names: AmazonNames
    _versions: AmazonVersions
    _arns: dict[str, str] = msgspec.field(default_factory=dict)

    def find(self, ours: str, solution: str) -> str | None:
        """Return the ARN of the campaign, or None if there is none yet."""
        if ours not in self._arns:
            name, arn = self._names.campaign(ours), None
            if is_arn(name):
                arn = name
            elif (of := self._versions.find_solution(solution)) is not None:
                arn = self._calls.find("campaign", name, solutionArn=of)
            if arn is None:
                return None
            self._arns[ours] = arn
        return self._arns[ours]

    def described(self, ours: str, solution: str) -> Mapping[str, Any] | None:
        """Describe the campaign there; None if there is none."""
        arn = self.find(ours, solution)
        if arn is None:
            return None
        try:
            return self._calls.describe("campaign", arn)
        except errors.NotFound:  # it was deleted there
            self._arns.pop(ours, None)
            return None

    def reach(self, ours: str, wanted: AmazonServing) -> bool:
        """True if the campaign serves what is wanted; if not, begin that.

        Call it again and again. Conflict with the reason once it has failed.
        """
        campaign = self.described(ours, wanted.solution)
        if campaign is None:
            self._create(ours, wanted)
            return False
        update = campaign.get("latestCampaignUpdate") or {}
        for state in (campaign, update):
            status = str(state.get("status") or "ACTIVE")
            if status.startswith("DELETE"):
                raise errors.Conflict(f"campaign {ours} at Amazon Personalize is {status}")
            if status.endswith(("PENDING", "IN_PROGRESS")):
                return False
        if _serves(campaign, update, wanted):
            return True
        for state in (update, campaign) if update else (campaign,):
            if _has_failed(state, wanted):
                raise errors.Conflict(
                    f"campaign {ours} at Amazon Personalize could not be updated:"
                    f" {state.get('failureReason') or 'no reason is given'}"
                )
        self._update(ours, campaign, wanted)
        return False

    def _create(self, ours: str, wanted: AmazonServing) -> None:
        name = self._names.campaign(ours)
        if is_arn(name):
            raise errors.NotFound(
                f"there is no campaign {name} at Amazon Personalize: name another"
            )
        with suppress(errors.AlreadyExists):  # another process was faster
            made = self._calls.control("create_campaign", name=name, **_wanted_state(wanted))
            self._arns[ours] = str(made["campaignArn"])

    def _update(self, ours: str, campaign: Mapping[str, object], wanted: AmazonServing) -> None:
        try:
            self._calls.control(
                "update_campaign", campaignArn=campaign["campaignArn"], **_wanted_state(wanted)
            )
        except errors.NotFound:
            self._arns.pop(ours, None)
        except errors.LimitExceeded:  # is a conflict too, but waiting does not end it
            raise
        except errors.Conflict:  # an update is under way: look again
            return


def _wanted_state(wanted: AmazonServing) -> dict[str, Any]:
    state = {
        "solutionVersionArn": wanted.version,
        "minProvisionedTPS": wanted.settings.min_provisioned_tps,
    }
    return state | ({"campaignConfig": wanted.config} if wanted.config else {})


def _serves(campaign: Mapping[str, Any], update: Mapping[str, Any], wanted: AmazonServing) -> bool:
    # After an update that succeeded, its values are live.
    live = update if update.get("status") == "ACTIVE" else campaign
    if campaign.get("status") != "ACTIVE" or live.get("solutionVersionArn") != wanted.version:
        return False
    if live.get("minProvisionedTPS") != wanted.settings.min_provisioned_tps:
        return False
    has = (live.get("campaignConfig") or {}).get("itemExplorationConfig") or {}
    wants = wanted.config.get("itemExplorationConfig") or {}
    return all(
        # They are texts: `0.3` may come back as `0.30`.
        has.get(name) is not None and float(has[name]) == float(value)
        for name, value in wants.items()
    )


def _has_failed(state: Mapping[str, Any], wanted: AmazonServing) -> bool:
    """True for a failure to serve this very version, since it was requested."""
    if not str(state.get("status")).endswith("FAILED"):
        return False
    if state.get("solutionVersionArn") not in {None, wanted.version}:
        return False
    at = state.get("lastUpdatedDateTime") or state.get("creationDateTime")
    return at is None or at.timestamp() * SECOND >= wanted.requested_at


class AmazonQueries(msgspec.Struct):
    """Asks one campaign. After a failure it is not asked for a moment, so that nobody waits."""

    _calls: Calls
    _campaigns: AmazonCampaigns
    _campaign: str  # name of ours, as is that of the solution
    _solution: str
    _changing: threading.Lock = msgspec.field(default_factory=threading.Lock)
    _rest_until: float = 0.0
    _reason: str | None = None

    @property
    def why_away(self) -> str | None:
        """Reason of the last failure; None if the last query succeeded or is long ago."""
        is_old = time.monotonic() - self._rest_until > _FORGOTTEN_SECONDS
        return None if is_old else self._reason

    def recommend(
        self, user: str | None, item: str | None, limit: int
    ) -> list[tuple[str, float | None]]:
        """Return items, best first, with their scores if the recipe gives any."""
        about = {} if item is None else {"itemId": item}
        answer = self._query(
            "get_recommendations",
            userId=user or NOBODY,
            numResults=max(1, min(limit, MOST)),
            **about,
        )
        return [(one["itemId"], one.get("score")) for one in answer["itemList"]]

    def rank(self, user: str | None, items: Sequence[str]) -> list[tuple[str, float | None]]:
        """At most `MOST` items in order; unknown ones may have no score."""
        answer = self._query(
            "get_personalized_ranking", userId=user or NOBODY, inputList=list(items[:MOST])
        )
        return [(one["itemId"], one.get("score")) for one in answer["personalizedRanking"]]

    def _query(self, operation: str, **parameters: object) -> dict[str, Any]:
        if time.monotonic() < self._rest_until:
            raise errors.EngineUnavailable(self._reason or "Amazon Personalize does not answer")
        try:
            arn = self._campaigns.find(self._campaign, self._solution)
            if arn is None:
                raise errors.NotFound(
                    f"Amazon Personalize has no campaign for {self._campaign} yet"
                )
            answer = self._calls.call(
                "personalize-runtime", operation, campaignArn=arn, **parameters
            )
        except errors.PawsonalizeError as error:
            self._failed(error)
            raise errors.EngineUnavailable(error.message) from error
        with self._changing:
            self._reason = None
        return answer

    def _failed(self, error: errors.PawsonalizeError) -> None:
        with self._changing:
            is_new = self._reason is None
            self._reason = error.message
            self._rest_until = time.monotonic() + _PAUSE_SECONDS
        if is_new:  # once, however often it fails again
            log.warning("popular groups answer", campaign=self._campaign, reason=error.message)


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
    """See `RemoteModel`. `fallback`, the popularity of items, answers while the other is away."""

    def __init__(self, recipe: str, fallback: Model, queries: AmazonQueries) -> None:
        self.fallback = fallback
        self._recipe = recipe
        self._queries = queries
        self._found: TTLCache[_Key, _Found] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._stood_in: TTLCache[_Key, bool] = TTLCache(_KEPT, _KEPT_SECONDS)
        self._changing = threading.Lock()

    @property
    def card(self) -> ModelCard:
        """Return the card of the stand-in, which is the model that is stored here."""
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
        """Return the arrays of the stand-in."""
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
