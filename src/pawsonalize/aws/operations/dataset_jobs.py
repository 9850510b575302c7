"""Jobs on datasets: imports, exports and deletions."""

from collections.abc import Mapping
from types import MappingProxyType

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.datasets import (
    Dataset,
    DatasetGroup,
    DatasetImportJob,
    ImportMode,
)
from pawsonalize.kinds.jobs import DataDeletionJob, DatasetExportJob, IngestionMode
from pawsonalize.kinds.status import Status


def create_dataset_import_job(services: AwsServices, members: Members) -> Answer:
    """Imports CSV from `s3://`, or `file://` below a folder that the settings name."""
    if members.get("publishAttributionMetricsToS3"):
        raise AwsError(INVALID_INPUT, "this service does not publish attribution metrics yet")
    if "dataLocation" not in members["dataSource"]:
        raise AwsError(INVALID_INPUT, "dataSource.dataLocation is missing: send it")
    job = DatasetImportJob(
        name=members["jobName"],
        status=Status.CREATE_PENDING,
        dataset=services.resource(Dataset, members["datasetArn"]).name,
        source=members["dataSource"]["dataLocation"],
        mode=ImportMode(members.get("importMode", ImportMode.FULL)),
        tags=given_tags(members),
        asked={"roleArn": members.get("roleArn")},
    )
    job = services.jobs.create(job)
    return {"datasetImportJobArn": services.arns.of(job)}


def describe_dataset_import_job(services: AwsServices, members: Members) -> Answer:
    """Answers an import with its state; why it failed names the first bad row."""
    job = services.resource(DatasetImportJob, members["datasetImportJobArn"])
    return {"datasetImportJob": _described_import(services, job)}


def list_dataset_import_jobs(services: AwsServices, members: Members) -> Answer:
    """Lists the imports, into all datasets or into one."""
    found, token = page(services, members, DatasetImportJob, (Dataset, "datasetArn"))
    return {
        "datasetImportJobs": [_described_import(services, one) for one in found],
        "nextToken": token,
    }


def _described_import(services: AwsServices, job: DatasetImportJob) -> Answer:
    return services.summary(job) | {
        "jobName": job.name,
        "datasetImportJobArn": services.arns.of(job),
        "datasetArn": services.arns.named(Dataset, job.dataset),
        "dataSource": {"dataLocation": job.source},
        "roleArn": job.asked.get("roleArn"),
        "importMode": job.mode,
        "publishAttributionMetricsToS3": False,
    }


def create_dataset_export_job(services: AwsServices, members: Members) -> Answer:
    """Writes a dataset as CSV that an import reads; of Items and Users, ALL alone can be told."""
    job = DatasetExportJob(
        name=members["jobName"],
        dataset=services.resource(Dataset, members["datasetArn"]).name,
        target=members["jobOutput"]["s3DataDestination"]["path"],
        mode=IngestionMode(members.get("ingestionMode", IngestionMode.PUT)),
        tags=given_tags(members),
        asked={name: members[name] for name in ("jobOutput", "roleArn")},
    )
    return {"datasetExportJobArn": services.arns.of(services.jobs.create(job))}


def describe_dataset_export_job(services: AwsServices, members: Members) -> Answer:
    """Answers an export with its state."""
    job = services.resource(DatasetExportJob, members["datasetExportJobArn"])
    return {"datasetExportJob": _described_export(services, job)}


def list_dataset_export_jobs(services: AwsServices, members: Members) -> Answer:
    """Lists the exports, of all datasets or of one."""
    found, token = page(services, members, DatasetExportJob, (Dataset, "datasetArn"))
    return {
        "datasetExportJobs": [_described_export(services, one) for one in found],
        "nextToken": token,
    }


def _described_export(services: AwsServices, job: DatasetExportJob) -> Answer:
    return services.summary(job) | {
        "jobName": job.name,
        "datasetExportJobArn": services.arns.of(job),
        "datasetArn": services.arns.named(Dataset, job.dataset),
        "ingestionMode": job.mode,
        **job.asked,
    }


_WORDS: Mapping[Status, str] = MappingProxyType(
    {
        Status.CREATE_PENDING: "PENDING",
        Status.CREATE_IN_PROGRESS: "IN_PROGRESS",
        Status.ACTIVE: "COMPLETED",
        Status.CREATE_FAILED: "FAILED",
    }
)


def create_data_deletion_job(services: AwsServices, members: Members) -> Answer:
    """Erases users as `DELETE /v1/users` does: IN_PROGRESS until nothing of them is left."""
    if "dataLocation" not in members["dataSource"]:
        raise AwsError(INVALID_INPUT, "dataSource.dataLocation is missing: send it")
    job = DataDeletionJob(
        name=members["jobName"],
        dataset_group=services.resource(DatasetGroup, members["datasetGroupArn"]).name,
        source=members["dataSource"]["dataLocation"],
        tags=given_tags(members),
        asked={"roleArn": members["roleArn"]},
    )
    return {"dataDeletionJobArn": services.arns.of(services.jobs.create(job))}


def describe_data_deletion_job(services: AwsServices, members: Members) -> Answer:
    """Answers a deletion with its state, and how many events and descriptions went."""
    job = services.resource(DataDeletionJob, members["dataDeletionJobArn"])
    return {"dataDeletionJob": _described_deletion(services, job)}


def list_data_deletion_jobs(services: AwsServices, members: Members) -> Answer:
    """Lists the deletions, of all dataset groups or of one."""
    found, token = page(services, members, DataDeletionJob, (DatasetGroup, "datasetGroupArn"))
    return {
        "dataDeletionJobs": [_described_deletion(services, one) for one in found],
        "nextToken": token,
    }


def _described_deletion(services: AwsServices, job: DataDeletionJob) -> Answer:
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
    "CreateDatasetImportJob": create_dataset_import_job,
    "DescribeDatasetImportJob": describe_dataset_import_job,
    "ListDatasetImportJobs": list_dataset_import_jobs,
    "CreateDatasetExportJob": create_dataset_export_job,
    "DescribeDatasetExportJob": describe_dataset_export_job,
    "ListDatasetExportJobs": list_dataset_export_jobs,
    "CreateDataDeletionJob": create_data_deletion_job,
    "DescribeDataDeletionJob": describe_data_deletion_job,
    "ListDataDeletionJobs": list_data_deletion_jobs,
}
