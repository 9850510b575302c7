"""Dataset import jobs."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import Dataset, DatasetImportJob, ImportMode


def create_dataset_import_job(services: Services, asked: Asked) -> Answer:
    """Imports CSV from `s3://`, or `file://` below a folder that the settings name."""
    if asked.get("publishAttributionMetricsToS3"):
        raise AwsError(INVALID_INPUT, "this service does not publish attribution metrics yet")
    if "dataLocation" not in asked["dataSource"]:
        raise AwsError(INVALID_INPUT, "dataSource.dataLocation is missing: send it")
    job = services.import_jobs.create(
        asked["jobName"],
        services.resource(Dataset, asked["datasetArn"]).name,
        asked["dataSource"]["dataLocation"],
        ImportMode(asked.get("importMode", ImportMode.FULL)),
        tags=given_tags(asked),
        asked={"roleArn": asked.get("roleArn")},
    )
    return {"datasetImportJobArn": services.arns.of(job)}


def describe_dataset_import_job(services: Services, asked: Asked) -> Answer:
    """Answers an import with its state; why it failed names the first bad row."""
    job = services.resource(DatasetImportJob, asked["datasetImportJobArn"])
    return {"datasetImportJob": _described(services, job)}


def list_dataset_import_jobs(services: Services, asked: Asked) -> Answer:
    """Lists the imports, into all datasets or into one."""
    found, token = page(services, asked, DatasetImportJob, (Dataset, "datasetArn"))
    return {"datasetImportJobs": [_described(services, one) for one in found], "nextToken": token}


def _described(services: Services, job: DatasetImportJob) -> Answer:
    return services.summary(job) | {
        "jobName": job.name,
        "datasetImportJobArn": services.arns.of(job),
        "datasetArn": services.arns.named(Dataset, job.dataset),
        "dataSource": {"dataLocation": job.source},
        "roleArn": job.asked.get("roleArn"),
        "importMode": job.mode,
        "publishAttributionMetricsToS3": False,
    }


OPERATIONS = {
    "CreateDatasetImportJob": create_dataset_import_job,
    "DescribeDatasetImportJob": describe_dataset_import_job,
    "ListDatasetImportJobs": list_dataset_import_jobs,
}
