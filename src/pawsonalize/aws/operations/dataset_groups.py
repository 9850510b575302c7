"""Dataset groups."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import DatasetGroup

_KEPT = ("domain", "roleArn", "kmsKeyArn")


def create_dataset_group(services: Services, asked: Asked) -> Answer:
    """Creates a dataset group; its domain says which recommenders it has, role and key are kept."""
    group = DatasetGroup(
        name=asked["name"],
        tags=given_tags(asked),
        asked={name: asked[name] for name in _KEPT if name in asked},
    )
    created = services.registry.create(group, services.now())
    return {"datasetGroupArn": services.arns.of(created), "domain": asked.get("domain")}


def describe_dataset_group(services: Services, asked: Asked) -> Answer:
    """Answers a dataset group with its state."""
    group = services.resource(DatasetGroup, asked["datasetGroupArn"])
    return {"datasetGroup": _described(services, group)}


def list_dataset_groups(services: Services, asked: Asked) -> Answer:
    """Lists the dataset groups, newest first; one is there from the start."""
    found, token = page(services, asked, DatasetGroup)
    return {"datasetGroups": [_described(services, one) for one in found], "nextToken": token}


def delete_dataset_group(services: Services, asked: Asked) -> None:
    """Deletes a dataset group that is empty: its solutions, filters, datasets… go first."""
    services.datasets.delete_group(services.arns.name(asked["datasetGroupArn"], DatasetGroup))


def _described(services: Services, group: DatasetGroup) -> Answer:
    return services.summary(group) | {"datasetGroupArn": services.arns.of(group)} | {**group.asked}


OPERATIONS = {
    "CreateDatasetGroup": create_dataset_group,
    "DescribeDatasetGroup": describe_dataset_group,
    "ListDatasetGroups": list_dataset_groups,
    "DeleteDatasetGroup": delete_dataset_group,
}
