"""Schemas."""

from pawsonalize.aws.operations.pages import page
from pawsonalize.aws.services import Answer, Asked, Services
from pawsonalize.engine.resources.datasets import DatasetSchema
from pawsonalize.engine.resources.schemas import new_schema


def create_schema(services: Services, asked: Asked) -> Answer:
    """Stores a schema; the name of its Avro record, or its fields, tell which dataset it is of."""
    kept = {"domain": asked.get("domain")}
    schema = new_schema(asked["name"], asked["schema"], asked=kept)
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


OPERATIONS = {
    "CreateSchema": create_schema,
    "DescribeSchema": describe_schema,
    "ListSchemas": list_schemas,
    "DeleteSchema": delete_schema,
}
