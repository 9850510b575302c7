"""Solutions."""

import msgspec

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.recipes import recipe_of
from pawsonalize.aws.operations.solution_versions import version_summary
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import recipe_arn
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.aws.solution_config import (
    auto_training_of,
    selection_of,
    settings_of,
    tuning_of,
)
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.engine.resources.solutions import Solution, SolutionUpdate, SolutionVersion
from pawsonalize.engine.resources.status import Status

_AUTO, _SCHEDULE = "performAutoTraining", "autoTrainingConfig"
_KEPT = ("recipeArn", "eventType", "solutionConfig")


def create_solution(services: Services, asked: Asked) -> Answer:
    """Creates a solution, by hyperparameters of ours; tuned or trained by itself only if asked."""
    _check_wishes(asked)
    group = services.resource(DatasetGroup, asked["datasetGroupArn"])
    if "recipeArn" not in asked:
        raise AwsError(INVALID_INPUT, "recipeArn is missing: ListRecipes has those there are")
    recipe = recipe_of(asked["recipeArn"]).recipe
    config = asked.get("solutionConfig", {})
    solution = Solution(
        name=asked["name"],
        dataset_group=group.name,
        recipe=recipe,
        settings=settings_of(config),
        selection=selection_of(asked, config),
        tuning=tuning_of(asked),
        # AWS trains unless told otherwise; here a schedule, if nothing more, must say so.
        auto_training_days=auto_training_of(asked.get(_AUTO, _SCHEDULE in config), config),
        retrain=_retrain(asked),
        tags=given_tags(asked),
        asked={name: asked[name] for name in _KEPT if name in asked},
    )
    created = services.solutions.create(solution, services.now())
    return {"solutionArn": services.arns.of(created)}


def describe_solution(services: Services, asked: Asked) -> Answer:
    """Answers a solution as it was asked for, its newest version and its latest update."""
    solution = services.resource(Solution, asked["solutionArn"])
    versions = services.registry.page(SolutionVersion, 1, parent=solution.name)
    latest = version_summary(services, versions[0]) if versions else None
    return {
        "solution": _described(services, solution)
        | {"latestSolutionVersion": latest, "latestSolutionUpdate": _latest_update(solution)}
    }


def list_solutions(services: Services, asked: Asked) -> Answer:
    """Lists the solutions, of all dataset groups or of one."""
    found, token = page(services, asked, Solution, (DatasetGroup, "datasetGroupArn"))
    return {"solutions": [_described(services, one) for one in found], "nextToken": token}


def update_solution(services: Services, asked: Asked) -> Answer:
    """Changes which events later versions train on, and whether any are trained by themselves."""
    _check_wishes(asked)
    name = services.arns.name(asked["solutionArn"], Solution)
    now, changes = services.now(), asked.get("solutionUpdateConfig", {})

    def updated(solution: Solution) -> Solution:
        config = {**solution.asked.get("solutionConfig", {}), **changes}
        wanted = asked.get(_AUTO, solution.auto_training_days is not None)
        return msgspec.structs.replace(
            solution,
            selection=selection_of({}, config) if "eventsConfig" in changes else solution.selection,
            auto_training_days=auto_training_of(wanted, config),
            retrain=_retrain(asked) if _AUTO in asked else solution.retrain,
            asked={**solution.asked, "solutionConfig": config} if changes else solution.asked,
            latest_update=SolutionUpdate(now, {_AUTO: wanted, "solutionUpdateConfig": changes}),
        )

    solution = services.solutions.change(name, updated, now)
    return {"solutionArn": services.arns.of(solution)}


def delete_solution(services: Services, asked: Asked) -> None:
    """Deletes a solution that no campaign serves, with its versions and their models."""
    name = services.arns.name(asked["solutionArn"], Solution)
    services.versions.delete_solution(name, services.now())


def _described(services: Services, solution: Solution) -> Answer:
    return services.summary(solution) | {
        **solution.asked,
        "solutionArn": services.arns.of(solution),
        "datasetGroupArn": services.arns.named(DatasetGroup, solution.dataset_group),
        "recipeArn": recipe_arn(solution.recipe, solution.asked),
        "performHPO": solution.tuning is not None,
        "performAutoML": False,
        _AUTO: solution.auto_training_days is not None,
        "performIncrementalUpdate": False,
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


def _retrain(asked: Asked) -> bool | None:
    """Who says that nothing is to be trained by itself means the daily retraining as well."""
    return False if asked.get(_AUTO) is False else None


def _check_wishes(asked: Asked) -> None:
    for wish in ("performAutoML", "performIncrementalUpdate"):
        if asked.get(wish):
            raise AwsError(INVALID_INPUT, f"this service does not do {wish} yet: leave it out")


OPERATIONS = {
    "CreateSolution": create_solution,
    "DescribeSolution": describe_solution,
    "ListSolutions": list_solutions,
    "UpdateSolution": update_solution,
    "DeleteSolution": delete_solution,
}
