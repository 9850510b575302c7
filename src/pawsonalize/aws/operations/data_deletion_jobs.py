"""Data deletion jobs."""

from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import DatasetGroup
from pawsonalize.engine.resources.jobs import DataDeletionJob
from pawsonalize.engine.resources.status import Status

_WORDS: Mapping[Status, str] = MappingProxyType(
    {
        Status.CREATE_PENDING: "PENDING",
        Status.CREATE_IN_PROGRESS: "IN_PROGRESS",
        Status.ACTIVE: "COMPLETED",
        Status.CREATE_FAILED: "FAILED",
    }
)


def create_data_deletion_job(services: Services, asked: Asked) -> Answer:
    """Erases users from tables and archive; models know them until they are trained FULL again."""
    if "dataLocation" not in asked["dataSource"]:
        raise AwsError(INVALID_INPUT, "dataSource.dataLocation is missing: send it")
    job = DataDeletionJob(
        name=asked["jobName"],
        dataset_group=services.resource(DatasetGroup, asked["datasetGroupArn"]).name,
        source=asked["dataSource"]["dataLocation"],
        tags=given_tags(asked),
        asked={"roleArn": asked["roleArn"]},
    )
    return {"dataDeletionJobArn": services.arns.of(services.jobs.create(job))}


def describe_data_deletion_job(services: Services, asked: Asked) -> Answer:
    """Answers a deletion with its state, and how many events and descriptions went."""
    job = services.resource(DataDeletionJob, asked["dataDeletionJobArn"])
    return {"dataDeletionJob": _described(services, job)}


def list_data_deletion_jobs(services: Services, asked: Asked) -> Answer:
    """Lists the deletions, of all dataset groups or of one."""
    found, token = page(services, asked, DataDeletionJob, (DatasetGroup, "datasetGroupArn"))
    return {"dataDeletionJobs": [_described(services, one) for one in found], "nextToken": token}


def _described(services: Services, job: DataDeletionJob) -> Answer:
    return services.summary(job) | {
        "jobName": job.name,
        "status": _WORDS[job.status],
        "dataDeletionJobArn": services.arns.of(job),
        "datasetGroupArn": services.arns.named(DatasetGroup, job.dataset_group),
        "dataSource": {"dataLocation": job.source},
        "numDeleted": job.deleted,
        **job.asked,
    }


OPERATIONS = {
    "CreateDataDeletionJob": create_data_deletion_job,
    "DescribeDataDeletionJob": describe_data_deletion_job,
    "ListDataDeletionJobs": list_data_deletion_jobs,
}
