"""The two questions, asked of a campaign."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.aws.operations.recommenders import serving_campaign
from pawsonalize.aws.protocol.errors import INVALID_INPUT, NOT_FOUND, AwsError
from pawsonalize.aws.recipes import WITH_SCORES
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.filters import number_text
from pawsonalize.domain.limits import parse_id
from pawsonalize.engine.serving.context import Promotion, Query
from pawsonalize.engine.serving.filters import AppliedFilter, apply
from pawsonalize.engine.serving.recommender import Answer as Answered
from pawsonalize.engine.serving.recommender import Candidate, Runtime, Scored
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.group_resources import Filter
from pawsonalize.recipes import NEXT_BEST_ACTION

_DEFAULT_RESULTS = 25
_METADATA = "enableMetadataWithRecommendations"


async def get_recommendations(services: AwsServices, members: Members) -> Answer:
    """Recommends items for a user, or like an item; a user nobody knows gets popular ones."""
    runtime = await campaign_runtime(services, members)
    if runtime.served.version.recipe == NEXT_BEST_ACTION:
        raise AwsError(INVALID_INPUT, "the campaign suggests actions: GetActionRecommendations")
    return await services.read(_recommended, services, runtime, members)


async def get_personalized_ranking(services: AwsServices, members: Members) -> Answer:
    """Orders a list of at most 500 items for a user; scores sum to 1, unknown ids come last."""
    runtime = await campaign_runtime(services, members)
    return await services.read(_ranked, services, runtime, members)


def _recommended(services: AwsServices, runtime: Runtime, members: Members) -> Answer:
    item = _id(members, "itemId")
    visitor = visitor_of(members)
    if visitor.user_id is None and item is None:
        raise AwsError(INVALID_INPUT, "userId is missing: send it, or an itemId")
    now = services.now()
    group = runtime.served.dataset_group
    promotions = [_promotion(services, one, group) for one in members.get("promotions", ())]
    query = Query(
        visitor,
        now,
        now,
        context=members.get("context", {}),
        filter=_filter(services, members, group),
        promotion=next(iter(promotions), None),
        item_id=item,
        limit=members.get("numResults") or _DEFAULT_RESULTS,
    )
    answer = runtime.recommend(query)
    items = _items(services, members, answer, group, now)
    if runtime.served.version.recipe not in WITH_SCORES:
        items = [item | {"score": None} for item in items]
    return {
        "itemList": items,
        "recommendationId": answer.recommendation_id,
    }


def _ranked(services: AwsServices, runtime: Runtime, members: Members) -> Answer:
    given = dict.fromkeys(parse_id(item, "inputList") for item in members["inputList"])
    now = services.now()
    group = runtime.served.dataset_group
    query = Query(
        visitor_of(members),
        now,
        now,
        context=members.get("context", {}),
        filter=_filter(services, members, group),
    )
    answer = runtime.rerank(query, [Candidate(item, item) for item in given])
    return {
        "personalizedRanking": _items(services, members, answer, group, now),
        "recommendationId": answer.recommendation_id,
    }


async def campaign_runtime(services: AwsServices, members: Members) -> Runtime:
    """What answers for the campaign or recommender that the request names."""
    try:
        return await services.runtimes.of(_campaign_name(services, members))
    except NotReady as error:  # for AWS's clients it is not there before it is ACTIVE
        raise AwsError(NOT_FOUND, error.message) from error


def _campaign_name(services: AwsServices, members: Members) -> str:
    if "recommenderArn" in members:
        if "campaignArn" in members:
            raise AwsError(INVALID_INPUT, "send a campaignArn or a recommenderArn, not both")
        return serving_campaign(services, members["recommenderArn"])
    if "campaignArn" not in members:
        raise AwsError(INVALID_INPUT, "campaignArn is missing: send it, or a recommenderArn")
    return services.arns.name(members["campaignArn"], Campaign)


def _promotion(services: AwsServices, given: Mapping[str, Any], group: str) -> Promotion:
    applied = _filter(services, given, group)
    if applied is None or "name" not in given or "percentPromotedItems" not in given:
        raise AwsError(
            INVALID_INPUT, "a promotion needs its name, filterArn and percentPromotedItems"
        )
    return Promotion(given["name"], given["percentPromotedItems"], applied)


def _filter(services: AwsServices, given: Mapping[str, Any], group: str) -> AppliedFilter | None:
    """The filter that a request or a promotion names, with its values."""
    values = given.get("filterValues", {})
    if "filterArn" not in given:
        if values:
            raise AwsError(INVALID_INPUT, "filterValues are of a filter: send a filterArn")
        return None
    name = services.arns.name(given["filterArn"], Filter)
    return apply(services.filters.find(name, dataset_group=group), values)


def _items(
    services: AwsServices, members: Members, answer: Answered, group: str, now: int
) -> list[Answer]:
    ids = [one.item_id for one in answer.items]
    rows = _metadata(services, members, ids, group, now)
    return [_item(one, row) for one, row in zip(answer.items, rows, strict=True)]


def _metadata(
    services: AwsServices, members: Members, item_ids: list[str], group: str, now: int
) -> list[dict[str, str] | None]:
    """The columns that are asked for, as text; a campaign has to allow that."""
    wanted = members.get("metadataColumns")
    if not wanted:
        return [None] * len(item_ids)
    campaign = services.registry.get(Campaign, _campaign_name(services, members))
    if not campaign.asked.get("campaignConfig", {}).get(_METADATA):
        raise AwsError(INVALID_INPUT, f"update the campaign with {_METADATA} first")
    metadata = services.filterings.of(group).metadata
    return [
        {name: _text(value) for name, value in row.items() if value is not None}
        for row in metadata.select_columns(item_ids, wanted, now)
    ]


def _item(one: Scored, metadata: dict[str, str] | None) -> Answer:
    return {
        "itemId": one.item_id,
        "score": one.score,
        "promotionName": one.promotion,
        "metadata": metadata,
        "reason": ["Exploration"] if one.explored else None,
    }


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else number_text(value)


def visitor_of(members: Members) -> Visitor:
    """The user; who has not signed in is asked for by the id of their session, as AWS advises."""
    user_id = _id(members, "userId")
    return Visitor(user_id, user_id)


def _id(members: Members, name: str) -> str | None:
    return parse_id(members[name], name) if name in members else None


OPERATIONS = {
    "GetRecommendations": get_recommendations,
    "GetPersonalizedRanking": get_personalized_ranking,
}
