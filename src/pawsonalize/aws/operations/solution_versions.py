"""Solution versions."""

from pawsonalize.aws.operations.resources import operations_of
from pawsonalize.aws.protocol.errors import IN_USE, INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import recipe_arn
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.kind import Values
from pawsonalize.kinds.resource import Status
from pawsonalize.kinds.solutions import Solution, SolutionVersion, TrainingMode


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
    """Return the members that lists and solutions have of a version."""
    return services.summary(version) | _shown(services, version)


def _shown(services: AwsServices, version: SolutionVersion) -> Answer:
    return {
        "solutionVersionArn": services.arns.of(version),
        "trainingMode": version.mode,
        "trainingType": "AUTOMATIC" if version.automatic else "MANUAL",
    }


def _details(services: AwsServices, version: SolutionVersion) -> Answer:
    """What it was trained with."""
    solution = services.registry.get(Solution, version.solution)
    return {
        "datasetGroupArn": services.arns.named(DatasetGroup, solution.dataset_group),
        "recipeArn": recipe_arn(version.recipe, version.asked),
        "performHPO": version.tuning is not None,
        "tunedHPOParams": _tuned(version),
        "performAutoML": False,
        "performIncrementalUpdate": False,
    }


def _fields(services: AwsServices, members: Members) -> Values:
    mode = members.get("trainingMode", TrainingMode.FULL)
    if mode not in set(TrainingMode):
        raise AwsError(INVALID_INPUT, f"trainingMode may be FULL or UPDATE, not {mode}")
    solution = services.resource(Solution, members["solutionArn"])
    name = members.get("name")
    return {
        "name": name,
        "mode": TrainingMode(mode),
        "asked": {**solution.asked, "name": name},
    }


def _tuned(version: SolutionVersion) -> Answer | None:
    """What a tuning chose; nothing where it found nothing surely better."""
    if version.tuned is None:
        return None
    chosen = {name: str(value) for name, value in version.tuned.settings.items()}
    return {"algorithmHyperParameters": chosen}


OPERATIONS = operations_of(
    KINDS[SolutionVersion], shown=_shown, details=_details, fields=_fields
) | {
    "StopSolutionVersionCreation": stop_solution_version_creation,
    "GetSolutionMetrics": get_solution_metrics,
}
