"""Recommendations, rankings and actions, by the campaign or recommender that a request names."""

from typing import Any

from msgspec.structs import replace

from pawsonalize.aws.arn import public_name
from pawsonalize.aws.recipes import DOMAIN_RECIPES, WITH_SCORES, AwsRecipe
from pawsonalize.aws.resources import by_name
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.aws.strict import (
    check_columns,
    check_ranks,
    check_recommends,
    check_user,
    check_values,
)
from pawsonalize.core.errors import InvalidInput, NotFound, NotReady
from pawsonalize.core.event import ACTIONS, Visitor
from pawsonalize.core.limits import parse_id
from pawsonalize.models.recipes import NEXT_BEST_ACTION
from pawsonalize.recommend.groups import Answer as Answered
from pawsonalize.recommend.groups import Candidate, GroupRecommender, Scored
from pawsonalize.recommend.query import Promotion, Query
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.datasets import Filter
from pawsonalize.resources.filters import AppliedFilter, FilterExpression, apply, number_text, parse
from pawsonalize.resources.kind import Status

_DEFAULT_RESULTS = 25
_DEFAULT_ACTIONS = 5
_METADATA = "enableMetadataWithRecommendations"


async def get_recommendations(services: AwsServices, members: Members) -> Answer:
    """Recommends items for a user, or like an item; a user nobody knows gets popular ones."""
    campaign, use_case = _asked(services, members)
    group_recommender = await _group_recommender(services, campaign)
    if group_recommender.served.version.recipe == NEXT_BEST_ACTION:
        raise InvalidInput("the campaign suggests actions: GetActionRecommendations")
    return await services.read(_recommended, services, group_recommender, members, use_case)


async def get_personalized_ranking(services: AwsServices, members: Members) -> Answer:
    """Orders a list of at most 500 items for a user; scores sum to 1, unknown ids come last."""
    group_recommender = await _group_recommender(services, _asked(services, members)[0])
    check_ranks(services, group_recommender.served.version.recipe)
    return await services.read(_ranked, services, group_recommender, members)


async def get_action_recommendations(services: AwsServices, members: Members) -> Answer:
    """Suggests actions by how likely the user takes them, and their value, through a filter."""
    if "userId" not in members:
        raise InvalidInput("userId is missing: send it")
    group_recommender = await _group_recommender(services, _asked(services, members)[0])
    return await services.read(_suggested, services, group_recommender, members)


def _recommended(
    services: AwsServices,
    group_recommender: GroupRecommender,
    members: Members,
    use_case: AwsRecipe | None,
) -> Answer:
    served = group_recommender.served.version
    group = group_recommender.served.dataset_group
    check_recommends(services, served.recipe, members, use_case)
    promotions = [_promotion(services, one, group) for one in members.get("promotions", ())]
    query = _query(
        services,
        members,
        group,
        promotion=next(iter(promotions), None),
        item_id=_id(members, "itemId"),
        limit=members.get("numResults") or _DEFAULT_RESULTS,
    )
    check_user(services, members, query.filter)
    if use_case is not None and use_case.leaves_out is not None:
        query = replace(query, filter=_without(use_case.leaves_out, query.filter))
    answer = group_recommender.recommend(query)
    items = _items(services, members, answer, group, query.now)
    if served.recipe not in WITH_SCORES:
        items = [item | {"score": None} for item in items]
    return {"itemList": items, "recommendationId": answer.recommendation_id}


def _ranked(services: AwsServices, group_recommender: GroupRecommender, members: Members) -> Answer:
    given = dict.fromkeys(parse_id(item, "inputList") for item in members["inputList"])
    group = group_recommender.served.dataset_group
    query = _query(services, members, group)
    answer = group_recommender.rerank(query, [Candidate(item, item) for item in given])
    return {
        "personalizedRanking": _items(services, members, answer, group, query.now),
        "recommendationId": answer.recommendation_id,
    }


def _suggested(
    services: AwsServices, group_recommender: GroupRecommender, members: Members
) -> Answer:
    limit = members.get("numResults") or _DEFAULT_ACTIONS
    group = group_recommender.served.dataset_group.removesuffix(ACTIONS)
    query = _query(services, members, group, limit=limit)
    answer = services.action_recommending.recommend(group_recommender.served, query)
    return {
        "actionList": [{"actionId": name, "score": score} for name, score in answer.actions],
        "recommendationId": answer.recommendation_id,
    }


async def _group_recommender(services: AwsServices, campaign: str) -> GroupRecommender:
    try:
        return await services.campaign_models.of(campaign)
    except NotReady as error:  # for AWS's clients it is not there before it is ACTIVE
        raise NotFound(error.message) from error


def _asked(services: AwsServices, members: Members) -> tuple[str, AwsRecipe | None]:
    """Return the name of the campaign that answers, and a recommender's use case.

    InvalidInput unless the recommender is ACTIVE.
    """
    if "recommenderArn" not in members:
        if "campaignArn" not in members:
            raise InvalidInput("campaignArn is missing: send it, or a recommenderArn")
        return services.arns.name(members["campaignArn"], Campaign), None
    if "campaignArn" in members:
        raise InvalidInput("send a campaignArn or a recommenderArn, not both")
    one = services.resource(Recommender, members["recommenderArn"])
    if one.status is not Status.ACTIVE:
        raise InvalidInput(f"recommender {one.name} is {one.status}, not ACTIVE")
    use_case = public_name(str(one.extras["recipeArn"]), "recipe")
    return one.served_by, DOMAIN_RECIPES.get(use_case)


def _without(event_type: str, applied: AppliedFilter | None) -> AppliedFilter:
    """Return the filter of a request, less the items with which the user has such events."""
    had = parse(f'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("{event_type}")')
    if applied is None or applied.expression is None:
        return AppliedFilter(had, {})
    both = (*had.clauses, *applied.expression.clauses)
    return AppliedFilter(FilterExpression(both), applied.values)


def _query(services: AwsServices, members: Members, group: str, **more: Any) -> Query:
    now, user_id = services.now(), _id(members, "userId")
    visitor = Visitor(user_id, user_id)  # without an account: by the session's id, as in AWS
    context, applied = members.get("context", {}), _filter(services, members, group)
    return Query(visitor, now, now, context=context, filter=applied, **more)


def _promotion(services: AwsServices, given: Members, group: str) -> Promotion:
    applied = _filter(services, given, group)
    if applied is None or "name" not in given or "percentPromotedItems" not in given:
        raise InvalidInput("a promotion needs its name, filterArn and percentPromotedItems")
    return Promotion(given["name"], given["percentPromotedItems"], applied)


def _filter(services: AwsServices, given: Members, group: str) -> AppliedFilter | None:
    """Return the filter that a request or a promotion names, with its values."""
    values = given.get("filterValues", {})
    if "filterArn" not in given:
        if values:
            raise InvalidInput("filterValues are of a filter: send a filterArn")
        return None
    check_values(services, values)
    name = services.arns.name(given["filterArn"], Filter)
    return apply(services.filters.find(name, dataset_group=group), values)


def _items(
    services: AwsServices, members: Members, answer: Answered, group: str, now: int
) -> list[Answer]:
    rows = _metadata(services, members, [one.item_id for one in answer.items], group, now)
    return [
        {
            "itemId": one.item_id,
            "score": one.score,
            "promotionName": one.promotion,
            "metadata": row,
            "reason": _reason(one),
        }
        for one, row in zip(answer.items, rows, strict=True)
    ]


def _reason(one: Scored) -> list[str] | None:
    if one.promotion is not None:
        return ["Promoted item"]
    return ["Exploration"] if one.explored else None


def _metadata(
    services: AwsServices, members: Members, item_ids: list[str], group: str, now: int
) -> list[dict[str, str] | None]:
    """Return the wanted columns as text; a campaign has to allow that."""
    wanted = members.get("metadataColumns")
    if not wanted:
        return [None] * len(item_ids)
    campaign = services.registry.get(Campaign, _asked(services, members)[0])
    if not campaign.extras.get("campaignConfig", {}).get(_METADATA):
        raise InvalidInput(f"update the campaign with {_METADATA} first")
    check_columns(services, group, members)
    metadata = services.filterings.of(group).metadata
    return [
        {
            name: value if isinstance(value, str) else number_text(value)
            for name, value in row.items()
            if value is not None
        }
        for row in metadata.select_columns(item_ids, wanted, now)
    ]


def _id(members: Members, name: str) -> str | None:
    return parse_id(members[name], name) if name in members else None


OPERATIONS = by_name(get_recommendations, get_personalized_ranking, get_action_recommendations)
