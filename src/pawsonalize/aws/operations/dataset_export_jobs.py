"""Dataset export jobs."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import Dataset
from pawsonalize.engine.resources.jobs import DatasetExportJob, IngestionMode


def create_dataset_export_job(services: Services, asked: Asked) -> Answer:
    """Writes a dataset as CSV that an import reads; of Items and Users, ALL alone can be told."""
    job = DatasetExportJob(
        name=asked["jobName"],
        dataset=services.resource(Dataset, asked["datasetArn"]).name,
        target=asked["jobOutput"]["s3DataDestination"]["path"],
        mode=IngestionMode(asked.get("ingestionMode", IngestionMode.PUT)),
        tags=given_tags(asked),
        asked={name: asked[name] for name in ("jobOutput", "roleArn")},
    )
    return {"datasetExportJobArn": services.arns.of(services.jobs.create(job))}


def describe_dataset_export_job(services: Services, asked: Asked) -> Answer:
    """Answers an export with its state."""
    job = services.resource(DatasetExportJob, asked["datasetExportJobArn"])
    return {"datasetExportJob": _described(services, job)}


def list_dataset_export_jobs(services: Services, asked: Asked) -> Answer:
    """Lists the exports, of all datasets or of one."""
    found, token = page(services, asked, DatasetExportJob, (Dataset, "datasetArn"))
    return {"datasetExportJobs": [_described(services, one) for one in found], "nextToken": token}


def _described(services: Services, job: DatasetExportJob) -> Answer:
    return services.summary(job) | {
        "jobName": job.name,
        "datasetExportJobArn": services.arns.of(job),
        "datasetArn": services.arns.named(Dataset, job.dataset),
        "ingestionMode": job.mode,
        **job.asked,
    }


OPERATIONS = {
    "CreateDatasetExportJob": create_dataset_export_job,
    "DescribeDatasetExportJob": describe_dataset_export_job,
    "ListDatasetExportJobs": list_dataset_export_jobs,
}
