"""Campaigns."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pawsonalize.aws.operations.resources import operations_of
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.solutions import Solution, SolutionVersion

_SYNC = "syncWithLatestSolutionVersion"
_LATEST = "/$LATEST"
_EXPLORATION = {
    "explorationWeight": ("exploration_weight", float),
    "explorationItemAgeCutOff": ("exploration_item_age_cut_off", int),
}


def create_campaign(services: AwsServices, members: Members) -> Answer:
    """Serves a version: the campaign is ACTIVE as soon as a server has tried and loaded it."""
    version, settings = _requested_version(services, members)
    campaign = Campaign(
        name=members["name"],
        solution=version.solution,
        tags=given_tags(members),
        **settings,
        **_settings(members),
    )
    created = services.campaigns.create(campaign, version.name, services.now())
    return {"campaignArn": services.arns.of(created)}


def update_campaign(services: AwsServices, members: Members) -> Answer:
    """Serves another version or other settings; the old ones serve until the new ones do."""
    campaign = services.resource(Campaign, members["campaignArn"])
    version, settings = campaign.target_version, _settings(members)
    if "solutionVersionArn" in members:
        requested, more = _requested_version(services, members)
        version, settings = requested.name, settings | more
    if version is None:
        raise AwsError(INVALID_INPUT, "the campaign serves nothing yet: send a solutionVersionArn")
    services.campaigns.update(campaign.name, version, services.now(), **settings)
    return {"campaignArn": services.arns.of(campaign)}


def _shown(services: AwsServices, campaign: Campaign) -> Answer:
    update = campaign.latest_update
    first = update is None or update.requested_at == campaign.created_at
    return {
        "status": campaign.serving_status,
        "failureReason": update.failure_reason if update and first else None,
        "solutionVersionArn": _version_arn(
            services, campaign, campaign.solution_version or campaign.target_version
        ),
        "minProvisionedTPS": campaign.min_provisioned_tps or 1,
        "campaignConfig": campaign.asked.get("campaignConfig"),
        "latestCampaignUpdate": None if first else _latest_update(services, campaign),
    }


def _latest_update(services: AwsServices, campaign: Campaign) -> Answer:
    update = campaign.latest_update
    assert update is not None
    return {
        "solutionVersionArn": _version_arn(services, campaign, update.solution_version),
        "minProvisionedTPS": campaign.min_provisioned_tps or 1,
        "campaignConfig": campaign.asked.get("campaignConfig"),
        "status": update.status,
        "failureReason": update.failure_reason,
        "creationDateTime": update.requested_at,
        "lastUpdatedDateTime": update.settled_at or update.requested_at,
    }


def _version_arn(services: AwsServices, campaign: Campaign, version: str | None) -> str | None:
    if version is None:
        return None
    return services.arns.named(Solution, f"{campaign.solution}/{version}")


def _requested_version(
    services: AwsServices, members: Members
) -> tuple[SolutionVersion, dict[str, Any]]:
    """The version of an ARN, and what a campaign must know of it if it follows its solution.

    `SolutionArn/$LATEST` is the newest that is ACTIVE: from there on it follows. Another version
    is served until there is a newer one than those followed so far, as after a rollback.
    """
    arn: str = members["solutionVersionArn"]
    if not arn.endswith(_LATEST):
        if members.get("campaignConfig", {}).get(_SYNC):
            raise AwsError(
                INVALID_INPUT,
                f"with {_SYNC} the solutionVersionArn is the ARN of the solution and {_LATEST}",
            )
        return services.resource(SolutionVersion, arn), {}
    solution = services.resource(Solution, arn.removesuffix(_LATEST))
    newest = services.versions.newest_to_serve(solution.name)
    return newest, {"followed": newest.name}


def _settings(members: Members) -> dict[str, Any]:
    """The fields of a campaign that the request speaks of."""
    config = members.get("campaignConfig")
    settings: dict[str, Any] = {}
    if "minProvisionedTPS" in members:
        settings["min_provisioned_tps"] = members["minProvisionedTPS"]
    if config is None:
        return settings
    follows = {"follows_latest": bool(config.get(_SYNC))}
    serving = exploration_of(config) | influence_of(config)
    return settings | follows | serving | {"asked": {"campaignConfig": config}}


def exploration_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The exploration of a configuration; what it leaves out is as the service says."""
    settings: dict[str, Any] = {field: None for field, _ in _EXPLORATION.values()}
    for name, text in config.get("itemExplorationConfig", {}).items():
        if name not in _EXPLORATION:
            raise AwsError(
                INVALID_INPUT,
                f"itemExplorationConfig has no {name[:100]}; it has {', '.join(_EXPLORATION)}",
            )
        field, kind = _EXPLORATION[name]
        settings[field] = _number(name, kind, text)
    return settings


def influence_of(config: Mapping[str, Any]) -> dict[str, float | None]:
    """The influences of a configuration; those that it leaves out are as the solution says."""
    given = config.get("rankingInfluence", {})
    return {
        "popularity_influence": given.get("POPULARITY"),
        "freshness_influence": given.get("FRESHNESS"),
    }


def _number(name: str, kind: type[float], text: str) -> float:
    """An exploration setting from its text, in the bounds that a campaign knows."""
    field, _ = _EXPLORATION[name]
    try:
        value = kind(text)
        msgspec.convert({"name": "x", "solution": "x", field: value}, Campaign)
    except (ValueError, msgspec.ValidationError):
        raise AwsError(
            INVALID_INPUT,
            f"{name} must be "
            + ("a number from 0 to 1" if kind is float else "a whole number of days"),
        ) from None
    return value


OPERATIONS = operations_of(KINDS[Campaign], shown=_shown) | {
    "CreateCampaign": create_campaign,
    "UpdateCampaign": update_campaign,
}
