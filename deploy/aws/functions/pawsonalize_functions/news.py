"""What people are told when the retraining of a model has ended."""

import json
from collections.abc import Mapping
from typing import Any

State = Mapping[str, Any]

_SUBJECTS = {
    "promoted": "{}: a new version is live",
    "kept": "{}: the live version stays",
    "failed": "{}: the retraining failed",
    "timed_out": "{}: the retraining took too long",
}
_SAID_OF_RULES = {True: "kept", False: "broken", None: "does not apply"}
_MAX_REASON = 2_000


def outcome_of(state: State) -> str:
    """`promoted`, `kept`, `failed` or `timed_out`."""
    return "failed" if "error" in state else str(state.get("outcome", "failed"))


def subject_of(state: State) -> str:
    """One line of ASCII, as Amazon SNS wants it."""
    return _SUBJECTS[outcome_of(state)].format(str(state["model"]).capitalize())


def text_of(state: State) -> str:
    """What happened and why, what is live now, and where to look."""
    paragraphs = [_happened(state), _rules(state), _live(state), _where(state)]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _happened(state: State) -> str:
    model, outcome = state["model"], outcome_of(state)
    if outcome == "promoted":
        return f"The {model} was retrained, and its new version is live."
    if outcome == "kept":
        return f"The {model} was retrained. Its new version broke a rule and does not go live."
    if outcome == "timed_out" and state.get("campaignStatus"):
        return f"The {model} has a new version, but the update of its campaign takes too long."
    if outcome == "timed_out":
        return f"The training of the {model} took too long: {_reason(state)}."
    return f"The retraining of the {model} failed: {_reason(state)}"


def _reason(state: State) -> str:
    """The first words of what went wrong."""
    if "error" not in state:
        return str(state.get("reason", "no reason was given"))[:_MAX_REASON]
    error = state["error"]
    cause = str(error.get("Cause", ""))
    try:  # a function's error is JSON in the text
        cause = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        cause = cause or str(error.get("Error", "no reason was given"))
    return cause[:_MAX_REASON]


def _rules(state: State) -> str:
    lines = [
        f"- {rule['message']}: {_SAID_OF_RULES[rule['passed']]}" for rule in state.get("rules", ())
    ]
    return "\n".join(["The rules:", *lines]) if lines else ""


def _live(state: State) -> str:
    if outcome_of(state) == "promoted":
        return ""
    status = state.get("campaignStatus")
    if status == "ACTIVE":
        return "The campaign does serve the new version; only what came after that failed."
    if status in {"PENDING", "OTHER"}:
        return "The campaign's update may still end: until then the version before it serves."
    return "What was live before is live."


def _where(state: State) -> str:
    named = {
        "New version": state.get("solutionVersionArn"),
        "Live version before": state.get("liveVersionArn"),
        "Campaign": state.get("campaignArn"),
        "Execution": state.get("executionArn"),
    }
    return "\n".join(f"{name}: {arn}" for name, arn in named.items() if arn)
