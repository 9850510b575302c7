"""Campaigns and recommenders."""

from typing import Any

import msgspec

from pawsonalize.aws.recipes import DOMAIN_RECIPES, recipe_of
from pawsonalize.aws.resources import by_name, given_tags, operations_of
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.aws.solutions import columns_left_out, metrics_of
from pawsonalize.aws.strict import check_deploys, check_interactions, check_rate, check_updates
from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.kind import Values
from pawsonalize.resources.solutions import (
    EventParameters,
    Solution,
    SolutionVersion,
    TrainingSelection,
)

_SYNC = "syncWithLatestSolutionVersion"
_LATEST = "/$LATEST"
_UPDATE = "latestRecommenderUpdate"
_BEFORE = "before"  # what is described until the latest update is done
_TRAINING = "trainingDataConfig"
_EXPLORATION = {
    "explorationWeight": ("exploration_weight", float, "a number from 0 to 1"),
    "explorationItemAgeCutOff": ("exploration_item_age_cut_off", int, "a whole number of days"),
}


def create_campaign(services: AwsServices, members: Members) -> Answer:
    """Serves a version: the campaign is ACTIVE as soon as a server has tried and loaded it."""
    version, settings = _requested_version(services, members)
    campaign = Campaign(
        name=members["name"],
        solution=version.solution,
        tags=given_tags(members),
        **settings,
        **_campaign_settings(services, members),
    )
    created = services.campaigns.create(campaign, version.name, services.now())
    return {"campaignArn": services.arns.of(created)}


def update_campaign(services: AwsServices, members: Members) -> Answer:
    """Serves another version or other settings; the old ones serve until the new ones do."""
    campaign = services.resource(Campaign, members["campaignArn"])
    version, settings = campaign.target_version, _campaign_settings(services, members)
    if "solutionVersionArn" in members:
        requested, more = _requested_version(services, members)
        version, settings = requested.name, settings | more
    if version is None:
        raise InvalidInput("the campaign serves nothing yet: send a solutionVersionArn")
    check_updates(services, campaign)
    if settings:
        extras = {**campaign.extras, **settings.get("extras", {})}
        settings["extras"] = extras | {_BEFORE: _settings_shown(campaign)}
    services.campaigns.update(
        campaign.name, version, services.now(), expected_revision=campaign.revision, **settings
    )
    return {"campaignArn": services.arns.of(campaign)}


def delete_campaign(services: AwsServices, members: Members) -> None:
    """Deletes a campaign at once; its solution version stays."""
    name = services.arns.name(members["campaignArn"], Campaign)
    KINDS[Campaign].remove(services, name, services.now())
    services.campaign_models.forget(name)


def _settings_shown(campaign: Campaign) -> Answer:
    return {
        "minProvisionedTPS": campaign.min_provisioned_tps or 1,
        "campaignConfig": campaign.extras.get("campaignConfig"),
    }


def _campaign_shown(services: AwsServices, campaign: Campaign) -> Answer:
    def serving(version: str | None) -> Answer:
        arn = services.arns.named(Solution, f"{campaign.solution}/{version}") if version else None
        return {"solutionVersionArn": arn, **_settings_shown(campaign)}

    update, latest = campaign.latest_update, None
    reason = None if update is None else update.failure_reason
    # The first one is the creation, which is no update to AWS's clients.
    if update is not None and update.requested_at != campaign.created_at:
        latest = serving(update.solution_version) | {
            "status": update.status,
            "failureReason": reason,
            "creationDateTime": update.requested_at,
            "lastUpdatedDateTime": update.settled_at or update.requested_at,
        }
    before = campaign.extras.get(_BEFORE) if campaign.pending and latest else None
    served = serving(campaign.solution_version or campaign.target_version) | (before or {})
    return served | {
        "status": campaign.serving_status,
        "failureReason": reason if latest is None else None,
        "latestCampaignUpdate": latest,
    }


def _requested_version(
    services: AwsServices, members: Members
) -> tuple[SolutionVersion, dict[str, Any]]:
    """Return the version of an ARN, and what a campaign must know of it to follow its solution."""
    # `SolutionArn/$LATEST` is the newest that is ACTIVE: from there on it follows. Another version
    # is served until there is a newer one than those followed so far, as after a rollback.
    arn: str = members["solutionVersionArn"]
    if not arn.endswith(_LATEST):
        if members.get("campaignConfig", {}).get(_SYNC):
            raise InvalidInput(
                f"with {_SYNC} the solutionVersionArn is the ARN of the solution and {_LATEST}"
            )
        version = services.resource(SolutionVersion, arn)
        check_deploys(services, version)
        return version, {}
    solution = services.resource(Solution, arn.removesuffix(_LATEST))
    newest = services.versions.newest_to_serve(solution.name)
    check_deploys(services, newest)
    return newest, {"followed": newest.name}


def _campaign_settings(services: AwsServices, members: Members) -> dict[str, Any]:
    config = members.get("campaignConfig")
    settings: dict[str, object] = {}
    if "minProvisionedTPS" in members:
        settings["min_provisioned_tps"] = members["minProvisionedTPS"]
        check_rate(services, members["minProvisionedTPS"])
    if config is None:
        return settings
    follows = {"follows_latest": bool(config.get(_SYNC))}
    serving = exploration_of(config) | influence_of(config)
    return settings | follows | serving | {"extras": {"campaignConfig": config}}


def exploration_of(config: Members) -> dict[str, object]:
    """Return the exploration of a configuration; None where the service's settings count."""
    settings: dict[str, object] = {field: None for field, *_ in _EXPLORATION.values()}
    for name, text in config.get("itemExplorationConfig", {}).items():
        if name not in _EXPLORATION:
            raise InvalidInput(
                f"itemExplorationConfig has no {name[:100]}; it has {', '.join(_EXPLORATION)}"
            )
        field, kind, form = _EXPLORATION[name]
        try:
            settings[field] = kind(text)
            # A campaign knows the bounds.
            msgspec.convert({"name": "x", "solution": "x", field: settings[field]}, Campaign)
        except (ValueError, msgspec.ValidationError):
            raise InvalidInput(f"{name} must be {form}") from None
    return settings


def influence_of(config: Members) -> dict[str, float | None]:
    """Return the influences of a configuration; None where the solution's count."""
    given = config.get("rankingInfluence", {})
    return {
        "popularity_influence": given.get("POPULARITY"),
        "freshness_influence": given.get("FRESHNESS"),
    }


def _recommender_fields(services: AwsServices, members: Members) -> Values:
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    recipe = recipe_of(members["recipeArn"], DOMAIN_RECIPES)
    if group.extras.get("domain") != recipe.domain:
        raise InvalidInput(
            f"{recipe.name} is of the domain {recipe.domain}, and the dataset group of"
            f" {group.extras.get('domain', 'none')}: create a group with that domain"
        )
    events = () if recipe.learns_from is None else (EventParameters(recipe.learns_from),)
    settings = _recommender_settings(services, members)
    training = members.get("recommenderConfig", {}).get(_TRAINING, {})
    check_interactions(services, group.name, group.name)
    without = columns_left_out(services, group.name, training)
    return {
        **settings,
        "recipe": recipe.recipe,
        "settings": recipe.settings,
        "selection": TrainingSelection(events, without=without),
        "extras": {**settings.get("extras", {}), "recipeArn": members["recipeArn"]},
    }


def update_recommender(services: AwsServices, members: Members) -> Answer:
    """Changes how a recommender explores and serves; it answers on meanwhile."""
    recommender = services.resource(Recommender, members["recommenderArn"])
    changes, now = _recommender_settings(services, members), services.now()
    if members.get("recommenderConfig", {}).get(_TRAINING):
        raise InvalidInput(f"{_TRAINING} is that of its creation: leave it out")
    if (campaign := services.campaigns.find(recommender.served_by)) is not None:
        check_updates(services, campaign)
    update = {"recommenderConfig": members.get("recommenderConfig"), "creationDateTime": now}
    before = {_BEFORE: {"recommenderConfig": recommender.extras.get("recommenderConfig")}}
    kept = {**recommender.extras, **changes.pop("extras", {}), _UPDATE: update, **before}
    services.recommenders.update(recommender.name, now, extras=kept, **changes)
    return {"recommenderArn": services.arns.of(recommender)}


def start_recommender(services: AwsServices, members: Members) -> Answer:
    """Lets a stopped recommender answer again, at once, with the model it had."""
    name = services.arns.name(members["recommenderArn"], Recommender)
    return {"recommenderArn": services.arns.of(services.recommenders.start(name, services.now()))}


def stop_recommender(services: AwsServices, members: Members) -> Answer:
    """Stops a recommender, at once; its model is kept."""
    name = services.arns.name(members["recommenderArn"], Recommender)
    return {"recommenderArn": services.arns.of(services.recommenders.stop(name, services.now()))}


def _recommender_details(services: AwsServices, recommender: Recommender) -> Answer:
    version = services.recommenders.version(recommender)
    answer: Answer = {"modelMetrics": (metrics_of(version) or None) if version else None}
    campaign = services.campaigns.find(recommender.served_by)
    if (update := recommender.extras.get(_UPDATE)) and campaign and campaign.latest_update:
        done = campaign.latest_update
        answer[_UPDATE] = update | {
            "status": done.status,
            "failureReason": done.failure_reason,
            "lastUpdatedDateTime": done.settled_at or done.requested_at,
        }
        if campaign.pending is not None:
            answer |= recommender.extras[_BEFORE]
    return answer


def _recommender_settings(services: AwsServices, members: Members) -> dict[str, Any]:
    if "recommenderConfig" not in members:
        return {}
    config = members["recommenderConfig"]
    settings = exploration_of(config)
    if "minRecommendationRequestsPerSecond" in config:
        settings["min_provisioned_tps"] = config["minRecommendationRequestsPerSecond"]
        check_rate(services, config["minRecommendationRequestsPerSecond"])
    # In a campaign's words as well: its answers may have metadata where this allows it.
    return settings | {"extras": {"recommenderConfig": config, "campaignConfig": config}}


OPERATIONS = (
    operations_of(KINDS[Campaign], shown=_campaign_shown)
    | operations_of(KINDS[Recommender], details=_recommender_details, fields=_recommender_fields)
    | by_name(
        create_campaign,
        update_campaign,
        delete_campaign,
        update_recommender,
        start_recommender,
        stop_recommender,
    )
)
