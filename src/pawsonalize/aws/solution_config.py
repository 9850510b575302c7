"""What a solution is asked for, in AWS's words, as settings and selection of ours."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import WITHOUT_EFFECT
from pawsonalize.aws.services import Asked
from pawsonalize.engine.resources.solutions import (
    MAX_TRIALS,
    EventParameters,
    TrainingSelection,
    Tuning,
)
from pawsonalize.engine.training.solutions import MOST_DAYS
from pawsonalize.recipes.ranges import Range

# What would change the model, and does not yet: better refused than forgotten.
_NOT_YET = ("autoMLConfig", "optimizationObjective", "trainingDataConfig")
_DEFAULT_TRIALS = "20"
_WEEKLY = "rate(7 days)"


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the hyperparameters name, as text."""
    for name in _NOT_YET:
        if config.get(name):
            raise AwsError(INVALID_INPUT, f"this service does not do {name} yet: leave it out")
    given = config.get("algorithmHyperParameters", {})
    return {name: value for name, value in given.items() if name not in WITHOUT_EFFECT}


def auto_training_of(wanted: bool, config: Mapping[str, Any]) -> int | None:
    """Every how many days performAutoTraining trains, None without."""
    expression = config.get("autoTrainingConfig", {}).get("schedulingExpression", _WEEKLY)
    days = int(expression.removeprefix("rate(").partition(" ")[0])  # the form is checked
    if not 1 <= days <= MOST_DAYS:
        raise AwsError(INVALID_INPUT, f"schedulingExpression may be 1 to {MOST_DAYS} days")
    return days if wanted else None


def tuning_of(asked: Asked) -> Tuning | None:
    """The tuning that performHPO asks for, None without; trials are AWS's training jobs."""
    config = asked.get("solutionConfig", {}).get("hpoConfig", {})
    if not asked.get("performHPO"):
        if config:
            raise AwsError(INVALID_INPUT, "hpoConfig is of performHPO: send that too")
        return None
    jobs = config.get("hpoResourceConfig", {}).get("maxNumberOfTrainingJobs", _DEFAULT_TRIALS)
    if not str(jobs).isdecimal() or not 1 <= int(jobs) <= MAX_TRIALS:
        raise AwsError(
            INVALID_INPUT, f"maxNumberOfTrainingJobs must be a number from 1 to {MAX_TRIALS}"
        )
    return Tuning(int(jobs), ranges=_ranges(config.get("algorithmHyperParameterRanges", {})))


def _ranges(given: Mapping[str, Any]) -> dict[str, Range]:
    if given.get("categoricalHyperParameterRanges"):
        raise AwsError(INVALID_INPUT, "only numbers are tuned: leave categorical ranges out")
    listed = [
        *given.get("integerHyperParameterRanges", ()),
        *given.get("continuousHyperParameterRanges", ()),
    ]
    if not all("name" in one for one in listed):
        raise AwsError(INVALID_INPUT, "each range needs the name of its hyperparameter")
    return {
        one["name"]: Range(one.get("minValue", 0), one.get("maxValue", 0))
        for one in listed
        if one["name"] not in WITHOUT_EFFECT
    }


def selection_of(asked: Asked, config: Mapping[str, Any]) -> TrainingSelection:
    """Which events train, and what they weigh."""
    listed = config.get("eventsConfig", {}).get("eventParametersList", ())
    if listed and "eventType" in asked:
        raise AwsError(INVALID_INPUT, "send eventType or eventParametersList, not both")
    if listed:
        return TrainingSelection(tuple(_parameters(event) for event in listed))
    threshold = _threshold(config.get("eventValueThreshold"))
    if "eventType" in asked:
        return TrainingSelection((EventParameters(asked["eventType"], None, threshold),))
    if threshold is not None:
        raise AwsError(INVALID_INPUT, "eventValueThreshold is of an eventType: send it too")
    return TrainingSelection()


def _parameters(event: Mapping[str, Any]) -> EventParameters:
    if "eventType" not in event:
        raise AwsError(INVALID_INPUT, "each of eventParametersList needs its eventType")
    return EventParameters(
        event["eventType"], event.get("weight"), event.get("eventValueThreshold")
    )


def _threshold(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        raise AwsError(INVALID_INPUT, "eventValueThreshold must be a number") from None
