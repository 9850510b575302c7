"""Datasets."""

import msgspec

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import (
    Dataset,
    DatasetGroup,
    DatasetSchema,
    dataset_name,
)
from pawsonalize.engine.resources.schemas import dataset_type_named


def create_dataset(services: Services, asked: Asked) -> Answer:
    """Creates the Interactions, Items or Users of a dataset group, which has one of each."""
    group = services.resource(DatasetGroup, asked["datasetGroupArn"])
    schema = services.resource(DatasetSchema, asked["schemaArn"])
    dataset_type = dataset_type_named(asked["datasetType"])
    dataset = Dataset(
        name=dataset_name(group.name, dataset_type),
        dataset_group=group.name,
        dataset_type=dataset_type,
        schema=schema.name,
        tags=given_tags(asked),
        asked={"name": asked["name"]},
    )
    return {"datasetArn": services.arns.of(services.datasets.create(dataset, services.now()))}


def describe_dataset(services: Services, asked: Asked) -> Answer:
    """Answers a dataset with its state."""
    return {"dataset": _described(services, services.resource(Dataset, asked["datasetArn"]))}


def list_datasets(services: Services, asked: Asked) -> Answer:
    """Lists the datasets, of all dataset groups or of one."""
    found, token = page(services, asked, Dataset, (DatasetGroup, "datasetGroupArn"))
    return {"datasets": [_described(services, one) for one in found], "nextToken": token}


def update_dataset(services: Services, asked: Asked) -> Answer:
    """Gives a dataset another schema of its type, which the next import reads by."""
    dataset = services.resource(Dataset, asked["datasetArn"])
    schema = services.resource(DatasetSchema, asked["schemaArn"])
    changed = msgspec.structs.replace(dataset, schema=schema.name)
    return {"datasetArn": services.arns.of(services.datasets.update(changed, services.now()))}


def delete_dataset(services: Services, asked: Asked) -> None:
    """Deletes a dataset with its data, unless an import is running into it."""
    services.datasets.delete(services.arns.name(asked["datasetArn"], Dataset))


def _described(services: Services, dataset: Dataset) -> Answer:
    return services.summary(dataset) | {
        "name": dataset.asked.get("name", dataset.name),
        "datasetArn": services.arns.of(dataset),
        "datasetGroupArn": services.arns.named(DatasetGroup, dataset.dataset_group),
        "datasetType": dataset.dataset_type.upper(),
        "schemaArn": services.arns.named(DatasetSchema, dataset.schema),
    }


OPERATIONS = {
    "CreateDataset": create_dataset,
    "DescribeDataset": describe_dataset,
    "ListDatasets": list_datasets,
    "UpdateDataset": update_dataset,
    "DeleteDataset": delete_dataset,
}
