"""Recommenders."""

from typing import Any

import msgspec

from pawsonalize.aws.operations.campaigns import exploration_of
from pawsonalize.aws.operations.recipes import domain_recipe_of
from pawsonalize.aws.operations.resources import operations_of
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.campaigns import Recommender
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.resource import Status
from pawsonalize.kinds.solutions import EventParameters, TrainingSelection


def create_recommender(services: AwsServices, members: Members) -> Answer:
    """Trains our recipe for a domain's use case, then serves it; the group must have the domain."""
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    recipe = domain_recipe_of(members["recipeArn"])
    if group.asked.get("domain") != recipe.domain:
        raise AwsError(
            INVALID_INPUT,
            f"{recipe.name} is of the domain {recipe.domain}, and the dataset group of"
            f" {group.asked.get('domain', 'none')}: create a group with that domain",
        )
    events = () if recipe.event_type is None else (EventParameters(recipe.event_type),)
    recommender = Recommender(
        name=members["name"],
        dataset_group=group.name,
        recipe=recipe.recipe,
        selection=TrainingSelection(events),
        tags=given_tags(members),
        **_settings(members),
    )
    kept = {**recommender.asked, "recipeArn": members["recipeArn"]}
    recommender = msgspec.structs.replace(recommender, asked=kept)
    created = services.recommenders.create(recommender, services.now())
    return {"recommenderArn": services.arns.of(created)}


def update_recommender(services: AwsServices, members: Members) -> Answer:
    """Changes how a recommender explores and serves; it answers on meanwhile."""
    recommender = services.resource(Recommender, members["recommenderArn"])
    changes = _settings(members)
    kept = {**recommender.asked, **changes.pop("asked", {})}
    services.recommenders.update(recommender.name, services.now(), asked=kept, **changes)
    return {"recommenderArn": services.arns.of(recommender)}


def start_recommender(services: AwsServices, members: Members) -> Answer:
    """Lets a stopped recommender answer again, at once, with the model it had."""
    name = services.arns.name(members["recommenderArn"], Recommender)
    return {"recommenderArn": services.arns.of(services.recommenders.start(name, services.now()))}


def stop_recommender(services: AwsServices, members: Members) -> Answer:
    """Stops a recommender, at once; its model is kept."""
    name = services.arns.name(members["recommenderArn"], Recommender)
    return {"recommenderArn": services.arns.of(services.recommenders.stop(name, services.now()))}


def serving_campaign(services: AwsServices, arn: str) -> str:
    """The name of the campaign that answers for the recommender, which must be ACTIVE."""
    recommender = services.resource(Recommender, arn)
    if recommender.status is not Status.ACTIVE:
        raise AwsError(
            INVALID_INPUT, f"recommender {recommender.name} is {recommender.status}, not ACTIVE"
        )
    return recommender.served_by


def _details(services: AwsServices, recommender: Recommender) -> Answer:
    """How well its model does on held-out users."""
    version = services.recommenders.version(recommender)
    return {"modelMetrics": version.metrics if version and version.metrics else None}


def _settings(members: Members) -> dict[str, Any]:
    """The fields of a recommender that the request speaks of."""
    if "recommenderConfig" not in members:
        return {}
    config = members["recommenderConfig"]
    if config.get("trainingDataConfig"):
        raise AwsError(
            INVALID_INPUT, "this service does not do trainingDataConfig yet: leave it out"
        )
    settings = exploration_of(config)
    if "minRecommendationRequestsPerSecond" in config:
        settings["min_provisioned_tps"] = config["minRecommendationRequestsPerSecond"]
    # In a campaign's words as well: its answers may have metadata where this allows it.
    return settings | {"asked": {"recommenderConfig": config, "campaignConfig": config}}


OPERATIONS = operations_of(KINDS[Recommender], details=_details) | {
    "CreateRecommender": create_recommender,
    "UpdateRecommender": update_recommender,
    "StartRecommender": start_recommender,
    "StopRecommender": stop_recommender,
}
