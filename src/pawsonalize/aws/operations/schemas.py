"""Schemas."""

import json
from typing import Any

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.domain.schemas import REQUIRED_FIELDS, DatasetType, Schema
from pawsonalize.engine.resources.datasets import DatasetSchema


def create_schema(services: Services, asked: Asked) -> Answer:
    """Stores a schema; the name of its Avro record, or its fields, tell which dataset it is of."""
    dataset_type = _dataset_type(asked["schema"])
    Schema.parse(asked["schema"], dataset_type)
    schema = DatasetSchema(
        name=asked["name"],
        dataset_type=dataset_type,
        avro=asked["schema"],
        asked={"domain": asked.get("domain")},
    )
    return {"schemaArn": services.arns.of(services.registry.create(schema, services.now()))}


def describe_schema(services: Services, asked: Asked) -> Answer:
    """Answers the schema as it was given."""
    return {"schema": _described(services, services.resource(DatasetSchema, asked["schemaArn"]))}


def list_schemas(services: Services, asked: Asked) -> Answer:
    """Lists the schemas, newest first."""
    found, token = page(services, asked, DatasetSchema)
    return {"schemas": [_described(services, schema) for schema in found], "nextToken": token}


def delete_schema(services: Services, asked: Asked) -> None:
    """Deletes a schema that no dataset has."""
    services.registry.delete(DatasetSchema, services.arns.name(asked["schemaArn"], DatasetSchema))


def _described(services: Services, schema: DatasetSchema) -> Answer:
    return services.summary(schema) | {
        "schemaArn": services.arns.of(schema),
        "schema": schema.avro,
        "domain": schema.asked.get("domain"),
    }


def _dataset_type(text: str) -> DatasetType:
    record = _record(text)
    for dataset_type in DatasetType:
        if dataset_type.lower() == str(record.get("name")).lower():
            return dataset_type
    listed = record.get("fields")
    fields = listed if isinstance(listed, list) else []
    names = {str(field.get("name")).upper() for field in fields if isinstance(field, dict)}
    for dataset_type, required in REQUIRED_FIELDS.items():
        if names.issuperset(required):
            return dataset_type
    raise AwsError(
        INVALID_INPUT,
        f"name the schema's record after its dataset: {', '.join(DatasetType)}",
    )


def _record(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AwsError(INVALID_INPUT, f"the schema is not JSON: {error}") from error
    return document if isinstance(document, dict) else {}


OPERATIONS = {
    "CreateSchema": create_schema,
    "DescribeSchema": describe_schema,
    "ListSchemas": list_schemas,
    "DeleteSchema": delete_schema,
}
