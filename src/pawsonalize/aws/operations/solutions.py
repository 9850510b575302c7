"""Solutions, and what solutionConfig asks for as settings of ours."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pawsonalize.aws.operations.recipes import recipe_of
from pawsonalize.aws.operations.resources import operations_of
from pawsonalize.aws.operations.solution_versions import version_summary
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import WITHOUT_EFFECT, recipe_arn
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.engine.training.solutions import MOST_DAYS
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.resource import Status
from pawsonalize.kinds.solutions import (
    MAX_TRIALS,
    EventParameters,
    Solution,
    SolutionUpdate,
    SolutionVersion,
    TrainingSelection,
    Tuning,
)
from pawsonalize.recipes.settings import Range

_AUTO, _SCHEDULE = "performAutoTraining", "autoTrainingConfig"
_KEPT = ("recipeArn", "eventType", "solutionConfig")


def create_solution(services: AwsServices, members: Members) -> Answer:
    """Creates a solution, by hyperparameters of ours; tuned or trained by itself only if asked."""
    _check_wishes(members)
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    if "recipeArn" not in members:
        raise AwsError(INVALID_INPUT, "recipeArn is missing: ListRecipes has those there are")
    recipe = recipe_of(members["recipeArn"]).recipe
    config = members.get("solutionConfig", {})
    solution = Solution(
        name=members["name"],
        dataset_group=group.name,
        recipe=recipe,
        settings=settings_of(config),
        selection=selection_of(members, config),
        tuning=tuning_of(members),
        # AWS trains unless told otherwise; here a schedule, if nothing more, must say so.
        auto_training_days=auto_training_of(members.get(_AUTO, _SCHEDULE in config), config),
        retrain=_retrain(members),
        tags=given_tags(members),
        asked={name: members[name] for name in _KEPT if name in members},
    )
    created = services.solutions.create(solution, services.now())
    return {"solutionArn": services.arns.of(created)}


def update_solution(services: AwsServices, members: Members) -> Answer:
    """Changes which events later versions train on, and whether any are trained by themselves."""
    _check_wishes(members)
    name = services.arns.name(members["solutionArn"], Solution)
    now, changes = services.now(), members.get("solutionUpdateConfig", {})

    def updated(solution: Solution) -> Solution:
        config = {**solution.asked.get("solutionConfig", {}), **changes}
        wanted = members.get(_AUTO, solution.auto_training_days is not None)
        return msgspec.structs.replace(
            solution,
            selection=selection_of({}, config) if "eventsConfig" in changes else solution.selection,
            auto_training_days=auto_training_of(wanted, config),
            retrain=_retrain(members) if _AUTO in members else solution.retrain,
            asked={**solution.asked, "solutionConfig": config} if changes else solution.asked,
            latest_update=SolutionUpdate(now, {_AUTO: wanted, "solutionUpdateConfig": changes}),
        )

    solution = services.solutions.change(name, updated, now)
    return {"solutionArn": services.arns.of(solution)}


def _shown(_services: AwsServices, solution: Solution) -> Answer:
    return {
        "recipeArn": recipe_arn(solution.recipe, solution.asked),
        "performHPO": solution.tuning is not None,
        "performAutoML": False,
        _AUTO: solution.auto_training_days is not None,
        "performIncrementalUpdate": False,
    }


def _details(services: AwsServices, solution: Solution) -> Answer:
    """Return its newest version and its latest update."""
    versions = services.registry.page(SolutionVersion, 1, parent=solution.name)
    return {
        "latestSolutionVersion": version_summary(services, versions[0]) if versions else None,
        "latestSolutionUpdate": _latest_update(solution),
    }


def _latest_update(solution: Solution) -> Answer | None:
    update = solution.latest_update
    if update is None:
        return None
    return {
        **update.asked,
        "performIncrementalUpdate": False,
        "status": Status.ACTIVE,
        "creationDateTime": update.requested_at,
        "lastUpdatedDateTime": update.requested_at,
    }


def _retrain(members: Members) -> bool | None:
    """Who says that nothing is to be trained by itself means the daily retraining as well."""
    return False if members.get(_AUTO) is False else None


def _check_wishes(members: Members) -> None:
    for wish in ("performAutoML", "performIncrementalUpdate"):
        if members.get(wish):
            raise AwsError(INVALID_INPUT, f"this service does not do {wish} yet: leave it out")


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
        raise AwsError(
            INVALID_INPUT, f"schedulingExpression may be 1 to {MOST_DAYS} days, not {days}"
        )
    return days if wanted else None


def tuning_of(members: Members) -> Tuning | None:
    """The tuning that performHPO asks for, None without; trials are AWS's training jobs."""
    config = members.get("solutionConfig", {}).get("hpoConfig", {})
    if not members.get("performHPO"):
        if config:
            raise AwsError(INVALID_INPUT, "hpoConfig is of performHPO: send that too")
        return None
    jobs = config.get("hpoResourceConfig", {}).get("maxNumberOfTrainingJobs", _DEFAULT_TRIALS)
    if not str(jobs).isdecimal() or not 1 <= int(jobs) <= MAX_TRIALS:
        raise AwsError(
            INVALID_INPUT,
            f"maxNumberOfTrainingJobs must be a number from 1 to {MAX_TRIALS}, not {jobs!s:.40}",
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


def selection_of(members: Members, config: Mapping[str, Any]) -> TrainingSelection:
    """Which events train, and what they weigh."""
    listed = config.get("eventsConfig", {}).get("eventParametersList", ())
    if listed and "eventType" in members:
        raise AwsError(INVALID_INPUT, "send eventType or eventParametersList, not both")
    if listed:
        return TrainingSelection(tuple(_parameters(event) for event in listed))
    threshold = _threshold(config.get("eventValueThreshold"))
    if "eventType" in members:
        return TrainingSelection((EventParameters(members["eventType"], None, threshold),))
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


OPERATIONS = operations_of(KINDS[Solution], shown=_shown, details=_details) | {
    "CreateSolution": create_solution,
    "UpdateSolution": update_solution,
}
