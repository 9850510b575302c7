"""The two questions, asked of a campaign."""

from pawsonalize.aws.protocol.errors import INVALID_INPUT, NOT_FOUND, AwsError
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.runtime import Candidate, Runtime, Scored

_DEFAULT_RESULTS = 25
_NOT_YET = ("recommenderArn", "filterArn", "promotions", "metadataColumns")


async def get_recommendations(services: Services, asked: Asked) -> Answer:
    """Recommends items for a user, or like an item; a user nobody knows gets popular ones."""
    _check_wishes(asked)
    runtime = await _runtime(services, asked)
    item = _id(asked, "itemId")
    visitor = Visitor(_id(asked, "userId"))
    if visitor.user_id is None and item is None:
        raise AwsError(INVALID_INPUT, "userId is missing: send it, or an itemId")
    now = services.now()
    limit = asked.get("numResults") or _DEFAULT_RESULTS
    answer = await services.read(runtime.recommend, visitor, limit, now, now, item_id=item)
    return {
        "itemList": [_scored(one) for one in answer.items],
        "recommendationId": answer.recommendation_id,
    }


async def get_personalized_ranking(services: Services, asked: Asked) -> Answer:
    """Orders a list of at most 500 items for a user; scores sum to 1, unknown ids come last."""
    _check_wishes(asked)
    runtime = await _runtime(services, asked)
    given = [parse_id(item, "inputList") for item in asked["inputList"]]
    candidates = [Candidate(item, item) for item in dict.fromkeys(given)]
    now = services.now()
    visitor = Visitor(_id(asked, "userId"))
    answer = await services.read(runtime.rerank, visitor, candidates, now, now)
    return {
        "personalizedRanking": [_scored(one) for one in answer.items],
        "recommendationId": answer.recommendation_id,
    }


async def _runtime(services: Services, asked: Asked) -> Runtime:
    if "campaignArn" not in asked:
        raise AwsError(INVALID_INPUT, "campaignArn is missing: send it")
    try:
        return await services.runtimes.of(services.arns.name(asked["campaignArn"], Campaign))
    except NotReady as error:  # for AWS's clients it is not there before it is ACTIVE
        raise AwsError(NOT_FOUND, error.message) from error


def _id(asked: Asked, name: str) -> str | None:
    return parse_id(asked[name], name) if name in asked else None


def _scored(one: Scored) -> Answer:
    return {
        "itemId": one.item_id,
        "score": one.score,
        "reason": ["Exploration"] if one.explored else None,
    }


def _check_wishes(asked: Asked) -> None:
    for wish in _NOT_YET:
        if wish in asked:
            raise AwsError(INVALID_INPUT, f"this service does not do {wish} yet: leave it out")


OPERATIONS = {
    "GetRecommendations": get_recommendations,
    "GetPersonalizedRanking": get_personalized_ranking,
}
