"""Campaigns at Amazon Personalize: a version goes live there while the one before serves on."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from pawsonalize.domain import errors
from pawsonalize.domain.times import SECOND
from pawsonalize.engine.serving.live_model import ServingSettings
from pawsonalize.recipes import USER_PERSONALIZATION
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.groups import AmazonNames, is_arn
from pawsonalize.wings.remote_amazon.versions import AmazonVersions

MOST = 500
"""Number of items that one query gets, or gives, at most."""
NOBODY = "pawsonalize-nobody"
"""A user without any event, who gets popular items."""
_FORGOTTEN_SECONDS = 60.0
_PAUSE_SECONDS = 2.0  # after a failure nobody waits for another one

log = structlog.get_logger()


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

    def _update(self, ours: str, campaign: Mapping[str, Any], wanted: AmazonServing) -> None:
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

    def _query(self, operation: str, **parameters: Any) -> dict[str, Any]:
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
