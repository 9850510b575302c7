"""What batch inference and batch segment jobs have in common."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import Filter
from pawsonalize.engine.resources.jobs import BatchJob
from pawsonalize.engine.resources.solutions import SolutionVersion

_KEPT = ("solutionVersionArn", "filterArn", "jobInput", "jobOutput", "roleArn", "numResults")


def batch_fields(services: Services, asked: Asked) -> dict[str, Any]:
    """The fields of a job that the request speaks of."""
    version = services.resource(SolutionVersion, asked["solutionVersionArn"])
    chosen = services.resource(Filter, asked["filterArn"]) if "filterArn" in asked else None
    return {
        "name": asked["jobName"],
        "solution_version": version.name,
        "source": asked["jobInput"]["s3DataSource"]["path"],
        "target": asked["jobOutput"]["s3DataDestination"]["path"],
        "results": asked.get("numResults"),
        "filter": None if chosen is None else chosen.name,
        "tags": given_tags(asked),
        "asked": {name: asked[name] for name in _KEPT if name in asked},
    }


def described_batch(services: Services, job: BatchJob, more: Mapping[str, Any]) -> Answer:
    """The job as it was asked for, and how it is."""
    return services.summary(job) | {"jobName": job.name, **job.asked, **more}
