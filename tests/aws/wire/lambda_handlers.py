"""Handlers as a shelter runs them on AWS Lambda; nothing in them knows of this service."""

import base64
import json
from typing import Any

import boto3

RECOMMENDER_PARAMETER = "/shelter/recommender-campaign"
RERANKER_PARAMETER = "/shelter/reranker-campaign"
TRACKER_PARAMETER = "/shelter/tracking-id"
_PUT_LIMIT = 10

Event = dict[str, Any]


class CampaignPending(Exception):
    """What a state machine's Retry waits for."""


def recommend(event: Event, _context: Any) -> Event:
    """GET /recommendations?userId=…&limit=…, through API Gateway."""
    asked = event["queryStringParameters"]
    runtime = boto3.client("personalize-runtime")
    try:
        answer = runtime.get_recommendations(
            campaignArn=_parameter(RECOMMENDER_PARAMETER),
            userId=asked["userId"],
            numResults=int(asked.get("limit", "10")),
        )
    except runtime.exceptions.ResourceNotFoundException as error:
        return _response(404, {"message": error.response["Error"]["Message"]})
    except runtime.exceptions.InvalidInputException as error:
        return _response(400, {"message": error.response["Error"]["Message"]})
    return _response(200, [{"id": item["itemId"]} for item in answer["itemList"]])


def rerank(event: Event, _context: Any) -> Event:
    """POST /rerankings with a list of items, through API Gateway."""
    body = event["body"]
    asked = json.loads(base64.b64decode(body) if event.get("isBase64Encoded") else body)
    answer = boto3.client("personalize-runtime").get_personalized_ranking(
        campaignArn=_parameter(RERANKER_PARAMETER), userId=asked["userId"], inputList=asked["items"]
    )
    ranking = [item["itemId"] for item in answer["personalizedRanking"]]
    return _response(
        200, {"ranking": ranking, "requestId": answer["ResponseMetadata"]["RequestId"]}
    )


def collect(event: Event, _context: Any) -> Event:
    """Records of a Kinesis stream to events; those that failed are tried again by Lambda."""
    events = boto3.client("personalize-events")
    tracking_id = _parameter(TRACKER_PARAMETER)
    sessions: dict[tuple[str, str], list[tuple[str, Event]]] = {}
    for record in event["Records"]:
        click = json.loads(base64.b64decode(record["kinesis"]["data"]))
        key = (click["userId"], click["sessionId"])
        sessions.setdefault(key, []).append((record["kinesis"]["sequenceNumber"], click))
    failed = []
    for (user, session), clicks in sessions.items():
        for start in range(0, len(clicks), _PUT_LIMIT):
            some = clicks[start : start + _PUT_LIMIT]
            try:
                events.put_events(
                    trackingId=tracking_id,
                    userId=user,
                    sessionId=session,
                    eventList=[_personalize_event(number, click) for number, click in some],
                )
            except events.exceptions.InvalidInputException:
                failed += [number for number, _ in some]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def check_campaign(event: Event, _context: Any) -> Event:
    """A state machine's step: the campaign's version, or an error to wait for."""
    campaign = boto3.client("personalize").describe_campaign(campaignArn=event["campaignArn"])[
        "campaign"
    ]
    if campaign["status"] != "ACTIVE":
        raise CampaignPending(campaign["status"])
    return event | {"solutionVersionArn": campaign["solutionVersionArn"]}


def report(event: Event, _context: Any) -> Event:
    """A state machine's last step: publishes what goes live, and how good it is."""
    metrics = boto3.client("personalize").get_solution_metrics(
        solutionVersionArn=event["solutionVersionArn"]
    )["metrics"]
    message = {"campaignArn": event["campaignArn"], "metrics": metrics}
    sns = boto3.client("sns")
    published = sns.publish(
        TopicArn=event["topicArn"], Subject="A new version is live", Message=json.dumps(message)
    )
    return {"messageId": published["MessageId"]}


def _personalize_event(number: str, click: Event) -> Event:
    return {
        "eventId": number,
        "eventType": click["type"],
        "itemId": click["item"],
        "sentAt": click["at"],
        "properties": json.dumps({"page": click.get("page", "")}),
    }


def _parameter(name: str) -> str:
    value: str = boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    return value


def _response(status: int, body: Any) -> Event:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(body),
    }
