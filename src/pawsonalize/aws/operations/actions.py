"""Actions that are put into a dataset group, what users did with them, and which to suggest."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pawsonalize.aws.operations.events import (
    check_records,
    dataset_of,
    properties_of,
    raw_of,
)
from pawsonalize.aws.operations.runtime import campaign_runtime, visitor_of
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.ingest.datasets import DatasetRow
from pawsonalize.engine.ingest.event_form import read_interaction
from pawsonalize.engine.serving.context import Query
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.kinds.datasets import actions_of

_DEFAULT_RESULTS = 5
_EVENT_TYPES = ("TAKEN", "NOT_TAKEN", "VIEWED")


def put_actions(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 actions, each with the properties that the dataset's schema has."""
    dataset = dataset_of(services, members, DatasetType.ACTIONS)
    records = [
        DatasetRow(action["actionId"], properties_of(action, f"actions.{place}.member"))
        for place, action in enumerate(members["actions"], 1)
    ]
    check_records(services.datasets.put_items(dataset, records), "actions")


async def put_action_interactions(services: AwsServices, members: Members) -> None:
    """Takes 1 to 10 interactions, TAKEN, NOT_TAKEN or VIEWED; the next answer knows them."""
    await services.ingest.put(await services.read(_interactions, services, members))


async def get_action_recommendations(services: AwsServices, members: Members) -> Answer:
    """Suggests actions by how likely the user takes them, and their value; filters are refused."""
    if "filterArn" in members or members.get("filterValues"):
        raise AwsError(INVALID_INPUT, "this service has no filters of actions: leave filterArn out")
    if "userId" not in members:
        raise AwsError(INVALID_INPUT, "userId is missing: send it")
    runtime = await campaign_runtime(services, members)
    return await services.read(_recommended, services, runtime, members)


def _recommended(services: AwsServices, runtime: Runtime, members: Members) -> Answer:
    now, limit = services.now(), members.get("numResults") or _DEFAULT_RESULTS
    query = Query(visitor_of(members), now, now, limit=limit)
    answer = services.action_recommending.recommend(runtime.served, query)
    return {
        "actionList": [{"actionId": name, "score": score} for name, score in answer.actions],
        "recommendationId": answer.recommendation_id,
    }


def _interactions(services: AwsServices, members: Members) -> list[Event]:
    group = services.datasets.tracker(members["trackingId"]).dataset_group
    services.datasets.of(group, DatasetType.ACTION_INTERACTIONS)
    return interactions_of(members, actions_of(group), services.now())


def interactions_of(members: Members, group: str, now: int) -> list[Event]:
    """The events of a PutActionInteractions call that came in now."""
    return [
        _interaction(members, group, given, f"actionInteractions.{place}.member", now)
        for place, given in enumerate(members["actionInteractions"], 1)
    ]


def _interaction(
    members: Members, group: str, given: Mapping[str, Any], path: str, now: int
) -> Event:
    kind = given["eventType"].upper().replace(" ", "_")
    if kind not in _EVENT_TYPES:
        raise AwsError(
            INVALID_INPUT,
            f"{path}.eventType must be one of {', '.join(_EVENT_TYPES)}, not {given['eventType']}",
        )
    try:
        event = read_interaction(
            group,
            now,
            user_id=given.get("userId"),
            session_id=given["sessionId"],
            event_type=kind,
            item_id=given["actionId"],
            sent_at=given["timestamp"],
            event_id=given.get("eventId"),
            recommendation_id=given.get("recommendationId"),
            impression=given.get("impression"),
            properties=properties_of(given, path) or None,
        )
    except InvalidInput as error:
        raise AwsError(INVALID_INPUT, f"{path}: {error.message}") from error
    return replace(event, raw=raw_of(members, "actionInteractions", given))


OPERATIONS = {
    "PutActions": put_actions,
    "PutActionInteractions": put_action_interactions,
    "GetActionRecommendations": get_action_recommendations,
}
