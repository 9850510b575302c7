"""Batch inference jobs."""

from pawsonalize.aws.operations.batch_jobs import batch_fields, described_batch
from pawsonalize.aws.operations.campaigns import exploration_of, influence_of
from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.jobs import BatchInferenceJob
from pawsonalize.engine.resources.solutions import SolutionVersion

_MODE = "BATCH_INFERENCE"


def create_batch_inference_job(services: Services, asked: Asked) -> Answer:
    """Answers each line of JSON Lines files in `{file}.out`; themes are refused."""
    if asked.get("batchInferenceJobMode", _MODE) != _MODE or "themeGenerationConfig" in asked:
        raise AwsError(
            INVALID_INPUT,
            "this service writes no themes, as it has no language model: leave"
            " themeGenerationConfig out and set batchInferenceJobMode to BATCH_INFERENCE",
        )
    config = asked.get("batchInferenceJobConfig", {})
    fields = batch_fields(services, asked)
    fields["asked"]["batchInferenceJobConfig"] = config
    serving = exploration_of(config) | influence_of(config)
    job = services.jobs.create(BatchInferenceJob(**fields, **serving))
    return {"batchInferenceJobArn": services.arns.of(job)}


def describe_batch_inference_job(services: Services, asked: Asked) -> Answer:
    """Answers a batch inference job with its state."""
    job = services.resource(BatchInferenceJob, asked["batchInferenceJobArn"])
    return {"batchInferenceJob": _described(services, job)}


def list_batch_inference_jobs(services: Services, asked: Asked) -> Answer:
    """Lists the batch inference jobs, of all solution versions or of one."""
    found, token = page(services, asked, BatchInferenceJob, (SolutionVersion, "solutionVersionArn"))
    return {"batchInferenceJobs": [_described(services, one) for one in found]} | {
        "nextToken": token
    }


def _described(services: Services, job: BatchInferenceJob) -> Answer:
    names = {"batchInferenceJobArn": services.arns.of(job), "batchInferenceJobMode": _MODE}
    return described_batch(services, job, names)


OPERATIONS = {
    "CreateBatchInferenceJob": create_batch_inference_job,
    "DescribeBatchInferenceJob": describe_batch_inference_job,
    "ListBatchInferenceJobs": list_batch_inference_jobs,
}
