"""Solution versions."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import IN_USE, INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import recipe_arn
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.solutions import Solution, SolutionVersion, TrainingMode
from pawsonalize.kinds.status import Status


def create_solution_version(services: AwsServices, members: Members) -> Answer:
    """Trains a version in a process of its own, FULL or UPDATE; several wait for each other."""
    solution = services.resource(Solution, members["solutionArn"])
    now = services.now()
    version = services.versions.create(
        solution.name,
        as_of=now,
        now=now,
        mode=_mode(members.get("trainingMode", TrainingMode.FULL)),
        name=services.versions.free_name(solution.name, members["name"])
        if "name" in members
        else None,
        measured=True,
        tags=given_tags(members),
        asked={**solution.asked, "name": members.get("name")},
    )
    services.queue.start_waiting(now)
    return {"solutionVersionArn": services.arns.of(version)}


def describe_solution_version(services: AwsServices, members: Members) -> Answer:
    """Answers a version with its state, and what it was trained with."""
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    solution = services.registry.get(Solution, version.solution)
    return {
        "solutionVersion": version_summary(services, version)
        | {
            **version.asked,
            "solutionArn": services.arns.named(Solution, version.solution),
            "datasetGroupArn": services.arns.named(DatasetGroup, solution.dataset_group),
            "recipeArn": recipe_arn(version.recipe, version.asked),
            "performHPO": version.tuning is not None,
            "tunedHPOParams": _tuned(version),
            "performAutoML": False,
            "performIncrementalUpdate": False,
        }
    }


def list_solution_versions(services: AwsServices, members: Members) -> Answer:
    """Lists the versions, of all solutions or of one, newest first."""
    found, token = page(services, members, SolutionVersion, (Solution, "solutionArn"))
    return {"solutionVersions": [version_summary(services, one) for one in found]} | {
        "nextToken": token
    }


def stop_solution_version_creation(services: AwsServices, members: Members) -> None:
    """Ends a training, or the waiting for it, and leaves nothing of it."""
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    if version.status.is_settled:
        raise AwsError(IN_USE, f"solution version {version.name} is {version.status}")
    services.trainings.stop(version.name, services.now())


def get_solution_metrics(services: AwsServices, members: Members) -> Answer:
    """Answers how well a version does on held-out users, by AWS's split and metrics."""
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    if version.status is not Status.ACTIVE:
        raise AwsError(IN_USE, f"solution version {version.name} is {version.status}: no metrics")
    if not version.metrics:
        why = version.unmeasured or "it was trained before versions were measured: train it again"
        raise AwsError(INVALID_INPUT, f"solution version {version.name} has no metrics: {why}")
    return {"solutionVersionArn": services.arns.of(version), "metrics": version.metrics}


def version_summary(services: AwsServices, version: SolutionVersion) -> Answer:
    """What lists and solutions say of a version."""
    return services.summary(version) | {
        "solutionVersionArn": services.arns.of(version),
        "trainingMode": version.mode,
        "trainingType": "AUTOMATIC" if version.automatic else "MANUAL",
    }


def _tuned(version: SolutionVersion) -> Answer | None:
    """What a tuning chose; nothing where it found nothing surely better."""
    if version.tuned is None:
        return None
    chosen = {name: str(value) for name, value in version.tuned.settings.items()}
    return {"algorithmHyperParameters": chosen}


def _mode(name: str) -> TrainingMode:
    if name not in set(TrainingMode):
        raise AwsError(INVALID_INPUT, f"trainingMode may be FULL or UPDATE, not {name}")
    return TrainingMode(name)


OPERATIONS = {
    "CreateSolutionVersion": create_solution_version,
    "DescribeSolutionVersion": describe_solution_version,
    "ListSolutionVersions": list_solution_versions,
    "StopSolutionVersionCreation": stop_solution_version_creation,
    "GetSolutionMetrics": get_solution_metrics,
}
