"""Batch inference jobs and batch segment jobs."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.aws.operations.campaigns import exploration_of, influence_of
from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.recipes import recipe_of
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import SEGMENTATION, recipe_arn
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.datasets import Filter
from pawsonalize.kinds.jobs import BatchInferenceJob, BatchJob, BatchSegmentJob
from pawsonalize.kinds.solutions import SolutionVersion

_KEPT = ("solutionVersionArn", "filterArn", "jobInput", "jobOutput", "roleArn", "numResults")


def batch_fields(services: AwsServices, members: Members) -> dict[str, Any]:
    """The fields of a job that the request speaks of."""
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    chosen = services.resource(Filter, members["filterArn"]) if "filterArn" in members else None
    return {
        "name": members["jobName"],
        "solution_version": version.name,
        "source": members["jobInput"]["s3DataSource"]["path"],
        "target": members["jobOutput"]["s3DataDestination"]["path"],
        "results": members.get("numResults"),
        "filter": None if chosen is None else chosen.name,
        "tags": given_tags(members),
        "asked": {name: members[name] for name in _KEPT if name in members},
    }


def described_batch(services: AwsServices, job: BatchJob, more: Mapping[str, Any]) -> Answer:
    """The job as it was asked for, and how it is."""
    return services.summary(job) | {"jobName": job.name, **job.asked, **more}


_MODE = "BATCH_INFERENCE"


def create_batch_inference_job(services: AwsServices, members: Members) -> Answer:
    """Answers each line of JSON Lines files in `{file}.out`; themes are refused."""
    if members.get("batchInferenceJobMode", _MODE) != _MODE or "themeGenerationConfig" in members:
        raise AwsError(
            INVALID_INPUT,
            "this service writes no themes, as it has no language model: leave"
            " themeGenerationConfig out and set batchInferenceJobMode to BATCH_INFERENCE",
        )
    config = members.get("batchInferenceJobConfig", {})
    fields = batch_fields(services, members)
    fields["asked"]["batchInferenceJobConfig"] = config
    serving = exploration_of(config) | influence_of(config)
    job = services.jobs.create(BatchInferenceJob(**fields, **serving))
    return {"batchInferenceJobArn": services.arns.of(job)}


def describe_batch_inference_job(services: AwsServices, members: Members) -> Answer:
    """Answers a batch inference job with its state."""
    job = services.resource(BatchInferenceJob, members["batchInferenceJobArn"])
    return {"batchInferenceJob": _described_inference(services, job)}


def list_batch_inference_jobs(services: AwsServices, members: Members) -> Answer:
    """Lists the batch inference jobs, of all solution versions or of one."""
    found, token = page(
        services, members, BatchInferenceJob, (SolutionVersion, "solutionVersionArn")
    )
    return {"batchInferenceJobs": [_described_inference(services, one) for one in found]} | {
        "nextToken": token
    }


def _described_inference(services: AwsServices, job: BatchInferenceJob) -> Answer:
    names = {"batchInferenceJobArn": services.arns.of(job), "batchInferenceJobMode": _MODE}
    return described_batch(services, job, names)


def create_batch_segment_job(services: AwsServices, members: Members) -> Answer:
    """Writes the users who like each line's item, or items of an attribute, best: `{file}.out`."""
    fields = batch_fields(services, members)
    version = services.resource(SolutionVersion, members["solutionVersionArn"])
    recipe = recipe_of(recipe_arn(version.recipe, version.asked))
    if recipe.kind != SEGMENTATION:
        raise AwsError(
            INVALID_INPUT,
            f"segments are made of a {SEGMENTATION} recipe, and {version.name} is of"
            f" {recipe.name}: train one of aws-item-affinity or aws-item-attribute-affinity",
        )
    return {"batchSegmentJobArn": services.arns.of(services.jobs.create(BatchSegmentJob(**fields)))}


def describe_batch_segment_job(services: AwsServices, members: Members) -> Answer:
    """Answers a batch segment job with its state."""
    job = services.resource(BatchSegmentJob, members["batchSegmentJobArn"])
    return {"batchSegmentJob": _described_segment(services, job)}


def list_batch_segment_jobs(services: AwsServices, members: Members) -> Answer:
    """Lists the batch segment jobs, of all solution versions or of one."""
    found, token = page(services, members, BatchSegmentJob, (SolutionVersion, "solutionVersionArn"))
    return {
        "batchSegmentJobs": [_described_segment(services, one) for one in found],
        "nextToken": token,
    }


def _described_segment(services: AwsServices, job: BatchSegmentJob) -> Answer:
    return described_batch(services, job, {"batchSegmentJobArn": services.arns.of(job)})


OPERATIONS = {
    "CreateBatchInferenceJob": create_batch_inference_job,
    "DescribeBatchInferenceJob": describe_batch_inference_job,
    "ListBatchInferenceJobs": list_batch_inference_jobs,
    "CreateBatchSegmentJob": create_batch_segment_job,
    "DescribeBatchSegmentJob": describe_batch_segment_job,
    "ListBatchSegmentJobs": list_batch_segment_jobs,
}
