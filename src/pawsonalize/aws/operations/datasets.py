"""Dataset groups, and what belongs to them: schemas, datasets and filters."""

import msgspec

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.operations.tags import given_tags
from pawsonalize.aws.services import Answer, AwsServices, Members
from pawsonalize.kinds.datasets import (
    Dataset,
    DatasetGroup,
    DatasetSchema,
    Filter,
    dataset_name,
)
from pawsonalize.kinds.schemas import dataset_type_named, new_schema

_KEPT_OF_GROUP = ("domain", "roleArn", "kmsKeyArn")


def create_dataset_group(services: AwsServices, members: Members) -> Answer:
    """Creates a dataset group; its domain says which recommenders it has, role and key are kept."""
    group = DatasetGroup(
        name=members["name"],
        tags=given_tags(members),
        asked={name: members[name] for name in _KEPT_OF_GROUP if name in members},
    )
    created = services.registry.create(group, services.now())
    return {"datasetGroupArn": services.arns.of(created), "domain": members.get("domain")}


def describe_dataset_group(services: AwsServices, members: Members) -> Answer:
    """Answers a dataset group with its state."""
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    return {"datasetGroup": _described_group(services, group)}


def list_dataset_groups(services: AwsServices, members: Members) -> Answer:
    """Lists the dataset groups, newest first; one is there from the start."""
    found, token = page(services, members, DatasetGroup)
    return {"datasetGroups": [_described_group(services, one) for one in found], "nextToken": token}


def delete_dataset_group(services: AwsServices, members: Members) -> None:
    """Deletes a dataset group that is empty: its solutions, filters, datasets… go first."""
    services.datasets.delete_group(services.arns.name(members["datasetGroupArn"], DatasetGroup))


def _described_group(services: AwsServices, group: DatasetGroup) -> Answer:
    return services.summary(group) | {"datasetGroupArn": services.arns.of(group)} | {**group.asked}


def create_schema(services: AwsServices, members: Members) -> Answer:
    """Stores a schema; the name of its Avro record, or its fields, tell which dataset it is of."""
    kept = {"domain": members.get("domain")}
    schema = new_schema(members["name"], members["schema"], asked=kept)
    return {"schemaArn": services.arns.of(services.registry.create(schema, services.now()))}


def describe_schema(services: AwsServices, members: Members) -> Answer:
    """Answers the schema as it was given."""
    return {
        "schema": _described_schema(
            services, services.resource(DatasetSchema, members["schemaArn"])
        )
    }


def list_schemas(services: AwsServices, members: Members) -> Answer:
    """Lists the schemas, newest first."""
    found, token = page(services, members, DatasetSchema)
    return {
        "schemas": [_described_schema(services, schema) for schema in found],
        "nextToken": token,
    }


def delete_schema(services: AwsServices, members: Members) -> None:
    """Deletes a schema that no dataset has."""
    services.registry.delete(DatasetSchema, services.arns.name(members["schemaArn"], DatasetSchema))


def _described_schema(services: AwsServices, schema: DatasetSchema) -> Answer:
    return services.summary(schema) | {
        "schemaArn": services.arns.of(schema),
        "schema": schema.avro,
        "domain": schema.asked.get("domain"),
    }


def create_dataset(services: AwsServices, members: Members) -> Answer:
    """Creates the Interactions, Items or Users of a dataset group, which has one of each."""
    group = services.resource(DatasetGroup, members["datasetGroupArn"])
    schema = services.resource(DatasetSchema, members["schemaArn"])
    dataset_type = dataset_type_named(members["datasetType"])
    dataset = Dataset(
        name=dataset_name(group.name, dataset_type),
        dataset_group=group.name,
        dataset_type=dataset_type,
        schema=schema.name,
        tags=given_tags(members),
        asked={"name": members["name"]},
    )
    return {"datasetArn": services.arns.of(services.datasets.create(dataset, services.now()))}


def describe_dataset(services: AwsServices, members: Members) -> Answer:
    """Answers a dataset with its state."""
    return {"dataset": _described(services, services.resource(Dataset, members["datasetArn"]))}


def list_datasets(services: AwsServices, members: Members) -> Answer:
    """Lists the datasets, of all dataset groups or of one."""
    found, token = page(services, members, Dataset, (DatasetGroup, "datasetGroupArn"))
    return {"datasets": [_described(services, one) for one in found], "nextToken": token}


def update_dataset(services: AwsServices, members: Members) -> Answer:
    """Gives a dataset another schema of its type, which the next import reads by."""
    dataset = services.resource(Dataset, members["datasetArn"])
    schema = services.resource(DatasetSchema, members["schemaArn"])
    changed = msgspec.structs.replace(dataset, schema=schema.name)
    return {"datasetArn": services.arns.of(services.datasets.update(changed, services.now()))}


def delete_dataset(services: AwsServices, members: Members) -> None:
    """Deletes a dataset with its data, unless an import is running into it."""
    services.datasets.delete(services.arns.name(members["datasetArn"], Dataset))


def _described(services: AwsServices, dataset: Dataset) -> Answer:
    return services.summary(dataset) | {
        "name": dataset.asked.get("name", dataset.name),
        "datasetArn": services.arns.of(dataset),
        "datasetGroupArn": services.arns.named(DatasetGroup, dataset.dataset_group),
        "datasetType": dataset.dataset_type.upper(),
        "schemaArn": services.arns.named(DatasetSchema, dataset.schema),
    }


def create_filter(services: AwsServices, members: Members) -> Answer:
    """Creates a filter in Amazon's language; it is ACTIVE at once."""
    created = services.filters.create(
        members["name"],
        members["filterExpression"],
        services.now(),
        dataset_group=services.resource(DatasetGroup, members["datasetGroupArn"]).name,
        tags=given_tags(members),
    )
    return {"filterArn": services.arns.of(created)}


def describe_filter(services: AwsServices, members: Members) -> Answer:
    """Answers a filter with its expression."""
    return {"filter": _described_filter(services, services.resource(Filter, members["filterArn"]))}


def list_filters(services: AwsServices, members: Members) -> Answer:
    """Lists the filters, of all dataset groups or of one."""
    found, token = page(services, members, Filter, (DatasetGroup, "datasetGroupArn"))
    return {"Filters": [_described_filter(services, one) for one in found], "nextToken": token}


def delete_filter(services: AwsServices, members: Members) -> None:
    """Deletes a filter; who asks with it from then on is told."""
    services.registry.delete(Filter, services.arns.name(members["filterArn"], Filter))


def _described_filter(services: AwsServices, found: Filter) -> Answer:
    return services.summary(found) | {
        "filterArn": services.arns.of(found),
        "datasetGroupArn": services.arns.named(DatasetGroup, found.dataset_group),
        "filterExpression": found.expression,
    }


OPERATIONS = {
    "CreateDatasetGroup": create_dataset_group,
    "DescribeDatasetGroup": describe_dataset_group,
    "ListDatasetGroups": list_dataset_groups,
    "DeleteDatasetGroup": delete_dataset_group,
    "CreateSchema": create_schema,
    "DescribeSchema": describe_schema,
    "ListSchemas": list_schemas,
    "DeleteSchema": delete_schema,
    "CreateDataset": create_dataset,
    "DescribeDataset": describe_dataset,
    "ListDatasets": list_datasets,
    "UpdateDataset": update_dataset,
    "DeleteDataset": delete_dataset,
    "CreateFilter": create_filter,
    "DescribeFilter": describe_filter,
    "ListFilters": list_filters,
    "DeleteFilter": delete_filter,
}
