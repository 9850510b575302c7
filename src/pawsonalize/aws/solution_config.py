"""What a solution is asked for, in AWS's words, as settings and selection of ours."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import WITHOUT_EFFECT
from pawsonalize.aws.services import Asked
from pawsonalize.engine.resources.solutions import EventParameters, TrainingSelection
from pawsonalize.engine.solutions.settings import read_settings
from pawsonalize.recipes.catalogue import recipe_named

# What would change the model, and does not yet: better refused than forgotten.
_NOT_YET = ("hpoConfig", "autoMLConfig", "optimizationObjective", "trainingDataConfig")


def settings_of(config: Mapping[str, Any], recipe: str) -> dict[str, Any]:
    """The settings that the hyperparameters name, as text; InvalidInput names a wrong one."""
    for name in _NOT_YET:
        if config.get(name):
            raise AwsError(INVALID_INPUT, f"this service does not do {name} yet: leave it out")
    given = config.get("algorithmHyperParameters", {})
    settings = {name: value for name, value in given.items() if name not in WITHOUT_EFFECT}
    read_settings(recipe_named(recipe).settings, settings)
    return settings


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
