"""The steps of the daily state machine; pawsonalize_deploy/retraining.py has their order.

Each gets the state of one model and answers the next one. A step that runs again does nothing
twice.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from pawsonalize_functions import judging, news
from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import parameter, setting, setting_or, write_parameter

State = dict[str, Any]

_MAX_NAME = 63
_PENDING = frozenset({"CREATE PENDING", "CREATE IN_PROGRESS"})
_EXISTS = "ResourceAlreadyExistsException"
_FOR_A_WHILE = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "ResourceInUseException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


class TryAgain(Exception):
    """What stands in the way may be gone in a minute; the state machine waits and tries again."""


def handler(event: Mapping[str, Any], _context: object) -> State:
    """Run the step `event["step"]` on the state `event["state"]` of a model."""
    step, state = _STEPS[event["step"]], dict(event["state"])
    try:
        return step(state)
    except (HTTPClientError, NotConnected) as error:
        raise TryAgain(str(error)) from error
    except ClientError as error:
        if _code(error) in _FOR_A_WHILE:
            raise TryAgain(str(error)) from error
        raise


def version_name(execution: str) -> str:
    """The name of an execution's versions: its own, or what is left of it and a digest."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", execution)
    if name == execution and len(name) <= _MAX_NAME and name[0] != "-":
        return name
    digest = hashlib.sha256(execution.encode()).hexdigest()[:16]
    return f"{name.lstrip('-')[: _MAX_NAME - 17]}-{digest}".lstrip("-")


def _create_version(state: State) -> State:
    """Begin a training; an execution has one version of each model, however often it asks."""
    solution, name = _parameter(state, "SOLUTION_ARN_PATH"), version_name(state["execution"])
    personalize = client("personalize")
    try:
        created = personalize.create_solution_version(solutionArn=solution, name=name)
        arn = created["solutionVersionArn"]
    except ClientError as error:
        if _code(error) != _EXISTS:
            raise
        arn = _version_named(solution, name)
    return state | {"solutionVersionArn": arn, "checks": 0}


def _version_named(solution: str, name: str) -> str:
    """The ARN of the version with that name; lists do not say names."""
    personalize = client("personalize")
    pages = personalize.get_paginator("list_solution_versions").paginate(solutionArn=solution)
    listed = [one for page in pages for one in page["solutionVersions"]]
    for one in sorted(listed, key=lambda one: one["creationDateTime"], reverse=True):
        arn: str = one["solutionVersionArn"]
        described = personalize.describe_solution_version(solutionVersionArn=arn)
        if described["solutionVersion"].get("name") == name:
            return arn
    raise TryAgain(f"solution {solution} has a version {name}, but does not list it yet")


def _describe_version(state: State) -> State:
    version = client("personalize").describe_solution_version(
        solutionVersionArn=state["solutionVersionArn"]
    )["solutionVersion"]
    checked = state | {"checks": state["checks"] + 1}
    if version["status"] == "ACTIVE" or version["status"] in _PENDING:
        return checked | {"versionStatus": version["status"]}
    reason = version.get("failureReason") or f"the version is {version['status']}"
    return checked | {"versionStatus": "FAILED", "outcome": "failed", "reason": reason}


def _stop_version(state: State) -> State:
    """A version that nobody waits for any more must not train on, and be paid for."""
    reason = "it was stopped"
    try:
        client("personalize").stop_solution_version_creation(
            solutionVersionArn=state["solutionVersionArn"]
        )
    except ClientError as error:
        reason = f"it could not be stopped: {error}"
    return state | {"outcome": "timed_out", "reason": reason}


def _evaluate(state: State) -> State:
    """Judge the new version by the metrics of both, each measured on its own held-out events."""
    campaign = _parameter(state, "CAMPAIGN_ARN_PATH")
    live = (
        client("personalize")
        .describe_campaign(campaignArn=campaign)["campaign"]
        .get("solutionVersionArn")
    )
    rules = _rules(state["solutionVersionArn"], live)
    verdict = {"promote": True} if judging.passed(rules) else {"promote": False, "outcome": "kept"}
    return state | verdict | {"rules": rules, "campaignArn": campaign, "liveVersionArn": live}


def _rules(new: str, live: str | None) -> list[judging.Rule]:
    try:
        measured = _metrics(new)
    except ClientError as error:
        if _code(error) in _FOR_A_WHILE:
            raise
        return judging.unmeasured(error.response["Error"]["Message"])
    why_no_live, before = "nothing else is live", None
    if live is not None and live != new:
        try:
            before = _metrics(live)
        except ClientError as error:
            if _code(error) in _FOR_A_WHILE - {"ResourceInUseException"}:
                raise
            why_no_live = f"the live version has no metrics: {error.response['Error']['Message']}"
    return judging.judge(
        measured,
        before,
        threshold=float(setting("PROMOTION_THRESHOLD")),
        margin=float(setting_or("LIVE_MARGIN", "0.01")),
        why_no_live=why_no_live,
    )


def _metrics(version: str) -> judging.Metrics:
    answer = client("personalize").get_solution_metrics(solutionVersionArn=version)
    metrics: judging.Metrics = answer["metrics"]
    return metrics


def _update_campaign(state: State) -> State:
    """Have the campaign serve the new version, unless it does so or is about to."""
    personalize = client("personalize")
    campaign = personalize.describe_campaign(campaignArn=state["campaignArn"])["campaign"]
    version = state["solutionVersionArn"]
    if campaign_status(campaign, version) not in {"ACTIVE", "PENDING"} or _follows(campaign):
        personalize.update_campaign(
            campaignArn=state["campaignArn"],
            solutionVersionArn=version,
            minProvisionedTPS=_provisioned(state["model"]),
            campaignConfig=_campaign_config(state["model"], campaign.get("campaignConfig") or {}),
        )
    return state | {"campaignStatus": "PENDING", "checks": 0}


def _follows(campaign: Mapping[str, Any]) -> bool:
    """Whether the campaign takes new versions by itself; then the version may be there by that."""
    update = campaign.get("latestCampaignUpdate") or campaign
    newest = update if update["status"] in _PENDING else campaign
    return bool((newest.get("campaignConfig") or {}).get("syncWithLatestSolutionVersion"))


def _provisioned(model: str) -> int:
    prefix = "" if model == "recommender" else "RERANK_"
    return int(setting(f"{prefix}MIN_PROVISIONED_TPS"))


def _campaign_config(model: str, now: Mapping[str, Any]) -> dict[str, Any]:
    """As it is, with our exploration; no version goes live but by the rules."""
    kept = {name: one for name, one in now.items() if name != "syncWithLatestSolutionVersion"}
    if model != "recommender":  # a ranking explores nothing
        return kept
    exploration = {
        "explorationWeight": setting("EXPLORATION_WEIGHT"),
        "explorationItemAgeCutOff": setting("EXPLORATION_ITEM_AGE_CUT_OFF"),
    }
    return kept | {"itemExplorationConfig": exploration}


def _describe_campaign(state: State) -> State:
    campaign = client("personalize").describe_campaign(campaignArn=state["campaignArn"])["campaign"]
    status = campaign_status(campaign, state["solutionVersionArn"])
    checked = state | {"checks": state["checks"] + 1, "campaignStatus": status}
    if status != "FAILED":
        return checked
    update = campaign.get("latestCampaignUpdate") or campaign
    reason = update.get("failureReason") or "another update of the campaign took its place"
    return checked | {"outcome": "failed", "reason": reason}


def campaign_status(campaign: Mapping[str, Any], version: str) -> str:
    """What the campaign does with the version: ACTIVE serves it, PENDING is about to."""
    update = campaign.get("latestCampaignUpdate") or campaign
    if update["status"] in _PENDING:
        return "PENDING" if update.get("solutionVersionArn") == version else "OTHER"
    if campaign["status"] == "ACTIVE" and campaign["solutionVersionArn"] == version:
        return "ACTIVE"
    return "FAILED"


def _record_version(state: State) -> State:
    """Say in Parameter Store which version is live."""
    prefix = state["model"].upper()
    write_parameter(f"{prefix}_SOLUTION_VERSION_ARN_PATH", state["solutionVersionArn"])
    return state | {"outcome": "promoted"}


def _notify(state: State) -> State:
    """Tell people, and programs by attributes; answer whether the model's retraining failed."""
    outcome = news.outcome_of(state)
    told = {"model": state["model"], "outcome": outcome, "state": json.dumps(state)}
    client("sns").publish(
        TopicArn=setting("NOTIFICATION_TOPIC_ARN"),
        Subject=news.subject_of(state),
        Message=news.text_of(state),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in told.items()
        },
    )
    return state | {"outcome": outcome, "failed": outcome in {"failed", "timed_out"}}


def _parameter(state: State, name: str) -> str:
    return parameter(f"{state['model'].upper()}_{name}")


def _code(error: ClientError) -> str:
    code: str = error.response["Error"]["Code"]
    return code


_STEPS: Mapping[str, Callable[[State], State]] = {
    "create_version": _create_version,
    "describe_version": _describe_version,
    "stop_version": _stop_version,
    "evaluate": _evaluate,
    "update_campaign": _update_campaign,
    "describe_campaign": _describe_campaign,
    "record_version": _record_version,
    "notify": _notify,
}
