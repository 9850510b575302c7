"""The steps of the state machine, one by one: what they decide, and what they tell."""

import json
import re
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.events.models import EventPattern

from pawsonalize_deploy import retraining
from pawsonalize_functions import judging, news, steps
from tests.aws.wire.server import Wire
from tests.aws.wire.waiting import settled
from tests.deploy.conftest import ARN, Deployment

NDCG = judging.NDCG


def judged(new: float, live: float | None = None, margin: float = 0.01) -> list[judging.Rule]:
    before = None if live is None else {NDCG: live}
    return judging.judge(
        {NDCG: new}, before, threshold=0.01, margin=margin, why_no_live="nothing else is live"
    )


@pytest.mark.parametrize(
    ("new", "live", "promoted"),
    [
        (0.02, None, True),
        (0.01, None, False),
        (0.05, 0.05, True),
        (0.0496, 0.05, True),
        (0.0494, 0.05, False),
        (float("nan"), 0.05, False),
    ],
)
def test_a_version_goes_live_above_the_threshold_and_no_worse_than_the_live_one(
    new: float, live: float | None, promoted: bool
) -> None:
    assert judging.passed(judged(new, live)) is promoted


def test_each_rule_is_told_with_its_number() -> None:
    assert [rule["message"] for rule in judged(0.0494, 0.05)] == [
        "NDCG@5 0.0494 is above the promotion threshold 0.01",
        "NDCG@5 0.0494 is worse than the live version's 0.0500 (at least 0.0495 is needed)",
    ]


@given(st.text("abc-_: 1\u00e9", min_size=1, max_size=90))
def test_the_name_of_a_version_is_one_that_amazon_takes(execution: str) -> None:
    name = steps.version_name(execution)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,62}", name)
    assert name == steps.version_name(execution)


def test_executions_of_long_names_have_versions_of_different_names() -> None:
    assert steps.version_name("x" * 80) != steps.version_name("x" * 81)


def campaign(status: str = "ACTIVE", version: str = "old", update: Any = None) -> dict[str, Any]:
    latest = {} if update is None else {"latestCampaignUpdate": update}
    return {"status": status, "solutionVersionArn": version, **latest}


def update(status: str, version: str = "new") -> dict[str, str]:
    return {"status": status, "solutionVersionArn": version}


@pytest.mark.parametrize(
    ("described", "status"),
    [
        (campaign(version="new"), "ACTIVE"),
        (campaign(version="new", update=update("ACTIVE")), "ACTIVE"),
        (campaign("CREATE PENDING", "new"), "PENDING"),
        (campaign(update=update("CREATE IN_PROGRESS")), "PENDING"),
        (campaign(update=update("CREATE IN_PROGRESS", "another")), "OTHER"),
        (campaign(update=update("CREATE FAILED")), "FAILED"),
        (campaign(version="another", update=update("ACTIVE", "another")), "FAILED"),
        (campaign(), "FAILED"),
    ],
)
def test_what_a_campaign_does_with_a_version(described: dict[str, Any], status: str) -> None:
    assert steps.campaign_status(described, "new") == status


def step(name: str, **state: Any) -> dict[str, Any]:
    return steps.handler({"step": name, "state": {"model": "recommender", **state}}, None)


def test_a_version_without_metrics_does_not_go_live_and_the_notification_says_why(
    wire: Wire, deployment: Deployment
) -> None:
    solution = deployment.value("RECOMMENDER_SOLUTION_ARN_PATH")
    (version,) = wire.personalize.list_solution_versions(solutionArn=solution)["solutionVersions"]
    state = step("evaluate", solutionVersionArn=version["solutionVersionArn"] + "-not-there")
    assert (state["promote"], state["outcome"]) == (False, "kept")
    assert "there is nothing to judge by" in news.text_of(state)


def tried_again(name: str, **state: Any) -> dict[str, Any]:
    """The step, as the state machine tries it again while something is in its way."""
    for _ in range(50):
        with suppress(steps.TryAgain):
            return step(name, **state)
        time.sleep(0.2)
    return step(name, **state)


def test_an_update_keeps_what_the_campaign_is_told_beside_and_ends_its_following(
    wire: Wire, deployment: Deployment
) -> None:
    arn = deployment.value("RERANKER_CAMPAIGN_ARN_PATH")
    solution = deployment.value("RERANKER_SOLUTION_ARN_PATH")
    follows = {"enableMetadataWithRecommendations": True, "syncWithLatestSolutionVersion": True}
    wire.personalize.update_campaign(
        campaignArn=arn, solutionVersionArn=f"{solution}/$LATEST", campaignConfig=follows
    )
    settled(wire.personalize.describe_campaign, campaignArn=arn)
    version = wire.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    settled(wire.personalize.describe_solution_version, solutionVersionArn=version)
    # It may be at that version by itself already, or about to be.
    tried_again("update_campaign", model="reranker", campaignArn=arn, solutionVersionArn=version)
    campaign = settled(wire.personalize.describe_campaign, campaignArn=arn)
    assert campaign["solutionVersionArn"] == version
    assert campaign["campaignConfig"] == {"enableMetadataWithRecommendations": True}


def test_what_may_be_gone_in_a_minute_is_tried_again(deployment: Deployment) -> None:
    deployment.set(AWS_ENDPOINT_URL_PERSONALIZE="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    with pytest.raises(steps.TryAgain, match="Could not connect"):
        step("create_version", execution="today")


def test_what_is_wrong_for_good_is_not(deployment: Deployment) -> None:
    deployment.put("RECOMMENDER_SOLUTION_ARN_PATH", f"{ARN}solution/nobody")
    with pytest.raises(Exception, match="nobody") as raised:
        step("create_version", execution="today")
    assert not isinstance(raised.value, steps.TryAgain)


def told(**state: Any) -> str:
    return news.text_of({"model": "reranker", "executionArn": "the execution", **state})


def test_a_failure_is_told_in_the_words_of_the_error() -> None:
    cause = json.dumps({"errorMessage": "there is no solution nobody", "errorType": "ClientError"})
    text = told(error={"Error": "ClientError", "Cause": cause})
    assert "The retraining of the reranker failed: there is no solution nobody" in text
    assert "What was live before is live." in text
    assert "Execution: the execution" in text


def test_a_failure_without_a_cause_is_told_by_its_name() -> None:
    assert "failed: States.Timeout" in told(error={"Error": "States.Timeout"})


def test_a_failure_after_the_promotion_does_not_say_that_the_old_version_is_live() -> None:
    text = told(error={"Error": "States.Timeout"}, campaignStatus="ACTIVE")
    assert "The campaign does serve the new version; only what came after that failed." in text


def test_an_update_that_takes_too_long_says_that_it_may_still_end() -> None:
    text = told(outcome="timed_out", campaignStatus="PENDING")
    assert "the update of its campaign takes too long" in text
    assert "until then the version before it serves" in text


@pytest.mark.parametrize("outcome", ["promoted", "kept", "failed", "timed_out"])
def test_a_subject_is_one_that_amazon_takes(outcome: str) -> None:
    subject = news.subject_of({"model": "recommender", "outcome": outcome})
    assert len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()


MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:daily"


@pytest.mark.parametrize(
    ("status", "machine", "is_told"),
    [
        ("ABORTED", MACHINE, True),
        ("TIMED_OUT", MACHINE, True),
        ("FAILED", MACHINE, False),  # the execution itself has told it
        ("SUCCEEDED", MACHINE, False),
        ("ABORTED", MACHINE + "-of-somebody-else", False),
    ],
)
def test_an_execution_that_cannot_tell_its_end_is_told_by_a_rule(
    status: str, machine: str, is_told: bool
) -> None:
    pattern = EventPattern.load(json.dumps(retraining.unfinished_pattern(MACHINE)))
    change: Any = {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "time": "2026-05-17T09:30:00Z",
        "detail": {"status": status, "stateMachineArn": machine, "executionArn": "the execution"},
    }
    assert pattern.matches_event(change) is is_told


def test_what_that_rule_tells_is_json_with_nothing_left_open() -> None:
    text = retraining.UNFINISHED_TEMPLATE
    for name in retraining.UNFINISHED_PATHS:
        assert f"<{name}>" in text
        text = text.replace(f"<{name}>", name)
    assert "<" not in json.loads(text)


def test_no_state_machine_waits_longer_than_it_may_run() -> None:
    settings = retraining.RetrainingSettings()
    document = retraining.definition(settings, "steps", "topic")
    waits = settings.training_seconds + settings.campaign_seconds
    assert waits < document["TimeoutSeconds"] < 2 * 24 * 3600
    states = document["States"]["RetrainEach"]["ItemProcessor"]["States"]
    assert states["WaitForVersion"]["Seconds"] * 288 == 24 * 3600
    limit = states["IsVersionTrained"]["Choices"][-1]
    assert limit["NumericGreaterThanEquals"] == 288


def test_every_task_tells_its_failure_and_every_state_leads_on() -> None:
    document = retraining.definition(retraining.RetrainingSettings(), "steps", "topic")
    states = document["States"]["RetrainEach"]["ItemProcessor"]["States"]
    assert "Task" in {state["Type"] for state in states.values()}
    for name, state in states.items():
        if state["Type"] == "Task":
            assert [one["ErrorEquals"] for one in state["Catch"]] == [["States.ALL"]], name
        following = [one["Next"] for one in state.get("Choices", [])]
        following += [one["Next"] for one in state.get("Catch", [])]
        following += [state[key] for key in ("Next", "Default") if key in state]
        assert following or state.get("End"), name
        assert set(following) <= states.keys()
