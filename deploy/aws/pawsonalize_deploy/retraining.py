"""The daily state machine, as a document of the Amazon States Language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

State = dict[str, Any]

UNFINISHED = ("ABORTED", "TIMED_OUT")
"""How an execution may end without having told anybody; failures it tells itself."""

_SERVICE_ERRORS = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "States.Timeout",
    "TryAgain",  # what steps.py raises
)


@dataclass(frozen=True, slots=True)
class RetrainingSettings:
    """What may differ between environments; times are in seconds."""

    reranking_enabled: bool = True
    """Whether the reranker is retrained beside the recommender."""
    check_seconds: int = 300
    """How long to wait before a version or a campaign is looked at again."""
    training_seconds: int = 24 * 3600
    """How long a training may take; then it is stopped."""
    campaign_seconds: int = 2 * 3600
    """How long the update of a campaign may take."""
    retry_seconds: int = 30
    """How long to wait before a step that failed for a moment is tried again, the first time."""
    step_seconds: int = 120
    """How long one call of the function may take."""

    @property
    def timeout_seconds(self) -> int:
        """How long an execution may take: an hour more than all that it waits for."""
        return self.training_seconds + self.campaign_seconds + 3600


def definition(settings: RetrainingSettings, steps_function_arn: str, topic_arn: str) -> State:
    """The document; `json.dumps` makes its text.

    The state machine calls `pawsonalize_functions.steps.handler`, and publishes to the topic itself
    where that function cannot. So its role needs `lambda:InvokeFunction` and `sns:Publish`.
    """
    models = ["recommender", "reranker"] if settings.reranking_enabled else ["recommender"]
    return {
        "Comment": "Retrain every model, and serve what is good enough.",
        "StartAt": "Models",
        "TimeoutSeconds": settings.timeout_seconds,
        "States": {
            "Models": {
                "Type": "Pass",
                "Result": [{"model": model} for model in models],
                "ResultPath": "$.models",
                "Next": "RetrainEach",
            },
            "RetrainEach": {
                "Type": "Map",
                "ItemsPath": "$.models",
                "ItemSelector": {
                    "model.$": "$$.Map.Item.Value.model",
                    "execution.$": "$$.Execution.Name",
                    "executionArn.$": "$$.Execution.Id",
                },
                "ItemProcessor": _of_one_model(settings, steps_function_arn, topic_arn),
                "ResultPath": "$.models",
                "Next": "LookForFailures",
            },
            "LookForFailures": {
                "Type": "Pass",
                "Parameters": {
                    "models.$": "$.models",
                    "failed.$": "States.ArrayContains($.models[*].failed, true)",
                },
                "Next": "DidOneFail",
            },
            "DidOneFail": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.failed", "BooleanEquals": True, "Next": "OneFailed"}],
                "Default": "Done",
            },
            "OneFailed": {
                "Type": "Fail",
                "Error": "RetrainingFailed",
                "Cause": "A model was not retrained. Its notification says why.",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def unfinished_pattern(state_machine_arn: str) -> State:
    """The EventBridge pattern of executions that were aborted or took too long."""
    return {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": list(UNFINISHED), "stateMachineArn": [state_machine_arn]},
    }


UNFINISHED_PATHS: Mapping[str, str] = {
    "status": "$.detail.status",
    "execution": "$.detail.executionArn",
    "time": "$.time",
}
"""`InputPathsMap` of that rule's target, which is the topic."""

UNFINISHED_TEMPLATE = (
    '"The daily retraining did not finish: <status> at <time>. What was live before it is live,'
    " unless another notification of the same execution says more. Look at the execution:"
    ' <execution>"'
)
"""`InputTemplate` of the same target: the message as it is sent."""


def _of_one_model(settings: RetrainingSettings, function: str, topic: str) -> State:
    def step(name: str, following: str) -> State:
        return _step(settings, function, name, following)

    return {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "CreateVersion",
        "States": {
            "CreateVersion": step("create_version", "WaitForVersion"),
            "WaitForVersion": _wait(settings, "DescribeVersion"),
            "DescribeVersion": step("describe_version", "IsVersionTrained"),
            "IsVersionTrained": _settled(
                "$.versionStatus",
                {"ACTIVE": "Evaluate", "FAILED": "Notify"},
                most=settings.training_seconds // settings.check_seconds,
                too_long="StopVersion",
                otherwise="WaitForVersion",
            ),
            "StopVersion": step("stop_version", "Notify"),
            "Evaluate": step("evaluate", "ChooseVersion"),
            "ChooseVersion": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.promote", "BooleanEquals": True, "Next": "UpdateCampaign"}
                ],
                "Default": "Notify",
            },
            "UpdateCampaign": step("update_campaign", "WaitForCampaign"),
            "WaitForCampaign": _wait(settings, "DescribeCampaign"),
            "DescribeCampaign": step("describe_campaign", "IsCampaignUpdated"),
            "IsCampaignUpdated": _settled(
                "$.campaignStatus",
                {"ACTIVE": "RecordVersion", "FAILED": "Notify"},
                most=settings.campaign_seconds // settings.check_seconds,
                too_long="CampaignTookTooLong",
                otherwise="WaitForCampaign",
            ),
            "CampaignTookTooLong": {
                "Type": "Pass",
                "Result": "timed_out",
                "ResultPath": "$.outcome",
                "Next": "Notify",
            },
            "RecordVersion": step("record_version", "Notify"),
            **_telling(settings, function, topic),
        },
    }


def _telling(settings: RetrainingSettings, function: str, topic: str) -> State:
    """The last states of a model: a notification in full, or else one in short."""
    notify = _step(settings, function, "notify", "Told") | {
        "Catch": [_catch("NotifyInShort", "$.notifyError")]
    }
    return {
        "Notify": notify,
        "Told": {"Type": "Pass", "End": True},
        "NotifyInShort": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {
                "TopicArn": topic,
                "Subject": "Retraining: its notification could not be written",
                "Message.$": (
                    "States.Format('The retraining of the {} has ended. The function that writes"
                    " its notification failed, so look at the execution: {}', $.model,"
                    " $.executionArn)"
                ),
            },
            "ResultPath": None,
            "Catch": [_catch("Untold", "$.publishError")],
            "Next": "Untold",
        },
        "Untold": {"Type": "Pass", "Result": True, "ResultPath": "$.failed", "End": True},
    }


def _step(settings: RetrainingSettings, function: str, name: str, following: str) -> State:
    """A call of the function: it gets the state and answers the next one."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload": {"step": name, "state.$": "$"}},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": settings.step_seconds,
        "Retry": [
            {
                "ErrorEquals": list(_SERVICE_ERRORS),
                "IntervalSeconds": settings.retry_seconds,
                "BackoffRate": 2,
                "MaxAttempts": 5,
            }
        ],
        "Catch": [_catch("Notify", "$.error")],
        "Next": following,
    }


def _catch(following: str, path: str) -> State:
    return {"ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": following}


def _wait(settings: RetrainingSettings, following: str) -> State:
    return {"Type": "Wait", "Seconds": settings.check_seconds, "Next": following}


def _settled(
    variable: str, ends: Mapping[str, str], *, most: int, too_long: str, otherwise: str
) -> State:
    """Where to go by the status, after so many checks, or to look again."""
    ended = [
        {"Variable": variable, "StringEquals": status, "Next": following}
        for status, following in ends.items()
    ]
    late = {"Variable": "$.checks", "NumericGreaterThanEquals": most, "Next": too_long}
    return {"Type": "Choice", "Choices": [*ended, late], "Default": otherwise}
