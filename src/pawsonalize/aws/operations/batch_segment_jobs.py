"""Batch segment jobs."""

from pawsonalize.aws.operations.batch_jobs import batch_fields, described_batch
from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.recipes import recipe_of
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.recipes import SEGMENTATION, recipe_arn
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.jobs import BatchSegmentJob
from pawsonalize.engine.resources.solutions import SolutionVersion


def create_batch_segment_job(services: Services, asked: Asked) -> Answer:
    """Writes the users who like each line's item, or items of an attribute, best: `{file}.out`."""
    fields = batch_fields(services, asked)
    version = services.resource(SolutionVersion, asked["solutionVersionArn"])
    recipe = recipe_of(recipe_arn(version.recipe, version.asked))
    if recipe.kind != SEGMENTATION:
        raise AwsError(
            INVALID_INPUT,
            f"segments are made of a {SEGMENTATION} recipe, and {version.name} is of"
            f" {recipe.name}: train one of aws-item-affinity or aws-item-attribute-affinity",
        )
    return {"batchSegmentJobArn": services.arns.of(services.jobs.create(BatchSegmentJob(**fields)))}


def describe_batch_segment_job(services: Services, asked: Asked) -> Answer:
    """Answers a batch segment job with its state."""
    job = services.resource(BatchSegmentJob, asked["batchSegmentJobArn"])
    return {"batchSegmentJob": _described(services, job)}


def list_batch_segment_jobs(services: Services, asked: Asked) -> Answer:
    """Lists the batch segment jobs, of all solution versions or of one."""
    found, token = page(services, asked, BatchSegmentJob, (SolutionVersion, "solutionVersionArn"))
    return {"batchSegmentJobs": [_described(services, one) for one in found], "nextToken": token}


def _described(services: Services, job: BatchSegmentJob) -> Answer:
    return described_batch(services, job, {"batchSegmentJobArn": services.arns.of(job)})


OPERATIONS = {
    "CreateBatchSegmentJob": create_batch_segment_job,
    "DescribeBatchSegmentJob": describe_batch_segment_job,
    "ListBatchSegmentJobs": list_batch_segment_jobs,
}
