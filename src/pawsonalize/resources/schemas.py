"""Schemas of datasets: the type of dataset that a document describes."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.schemas import REQUIRED_FIELDS, DatasetType, Schema
from pawsonalize.resources.kind import Field, Kind, Native, Quota, Values, Wire
from pawsonalize.resources.resource import Resource

_TYPES = ", ".join(DatasetType)


class DatasetSchema(Resource, frozen=True, kw_only=True):
    """The columns of a dataset, as Avro record JSON."""

    kind: ClassVar[str] = "schema"

    dataset_type: DatasetType
    avro: str


def new_schema(
    name: str,
    avro: str,
    dataset_type: DatasetType | None = None,
    extras: Mapping[str, Any] | None = None,
) -> DatasetSchema:
    """A schema of Avro record JSON; InvalidInput says what is missing or malformed."""
    # Without a type the name of the record tells which it is, or else its fields.
    dataset_type = dataset_type or _type_of(avro)
    Schema.parse(avro, dataset_type)
    return DatasetSchema(name=name, dataset_type=dataset_type, avro=avro, extras=extras or {})


def dataset_type_named(name: str) -> DatasetType:
    """The type of that name, in any case; InvalidInput lists those there are."""
    for dataset_type in DatasetType:
        if dataset_type.lower() == name.lower():
            return dataset_type
    raise InvalidInput(
        f"datasetType {name} is none of this service's: {_TYPES}", field="datasetType"
    )


def _type_of(text: str) -> DatasetType:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the schema is not JSON: {error}", field="schema") from error
    record = document if isinstance(document, dict) else {}
    for dataset_type in DatasetType:
        if dataset_type.lower() == str(record.get("name")).lower():
            return dataset_type
    listed = record.get("fields")
    fields = listed if isinstance(listed, list) else []
    names = {str(field.get("name")).upper() for field in fields if isinstance(field, dict)}
    for dataset_type, required in REQUIRED_FIELDS.items():
        if names.issuperset(required):
            return dataset_type
    raise InvalidInput(f"name the schema's record after its dataset: {_TYPES}", field="schema")


ITEMS_OF_A_SHOP: dict[str, Any] = {
    "type": "record",
    "name": "Items",
    "fields": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "GENRE", "type": ["null", "string"], "categorical": True},
    ],
}
"""A schema for examples."""


def avro_text(schema: Any) -> Any:
    """Return Avro record JSON as text, if it came as an object."""
    return json.dumps(schema) if isinstance(schema, Mapping) else schema


def _create(parts: Any, values: Values, now: int) -> Any:
    named = values.get("dataset_type")
    dataset_type = None if named is None else dataset_type_named(named)
    schema = new_schema(
        values["name"], avro_text(values["schema"]), dataset_type, values.get("extras")
    )
    return parts.registry.create(schema, now)


SCHEMA_KIND = Kind(
    resource=DatasetSchema,
    quota=Quota(limit=500, scope=""),
    of_group=False,
    create=_create,
    native=Native(
        list="The columns of datasets, newest first.",
        create="Create a schema from Avro record JSON.",
        delete="Delete a schema that no dataset has.",
        request=(
            "name",
            Field("schema", dict[str, Any]),
            Field("dataset_type", str | None, default=None),
        ),
        answer=(
            "dataset_type",
            Field("schema", dict[str, Any], of=lambda one: json.loads(one.avro)),
        ),
        docs={
            "request": "A schema to create: Avro record JSON, as an object.\n\n`datasetType`"
            " may be left out where the name of the record, or its fields, tell it.",
            "answer": "The columns of a dataset.",
        },
        examples={"items of a shop": {"name": "shop-items", "schema": ITEMS_OF_A_SHOP}},
    ),
    wire=Wire(
        creates="Stores a schema; the name of its Avro record, or its fields, tell which"
        " dataset it is of.",
        deletes="Deletes a schema that no dataset has.",
        members={"schema": "schema"},
        stored=("domain",),
        shown={"schema": lambda one: one.avro},
    ),
)
