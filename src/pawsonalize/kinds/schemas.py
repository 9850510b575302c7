"""Schemas of datasets: which type of dataset a document describes."""

import json
from collections.abc import Mapping
from typing import Any

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.schemas import REQUIRED_FIELDS, DatasetType, Schema
from pawsonalize.kinds.datasets import DatasetSchema

_TYPES = ", ".join(DatasetType)


def new_schema(
    name: str,
    avro: str,
    dataset_type: DatasetType | None = None,
    asked: Mapping[str, Any] | None = None,
) -> DatasetSchema:
    """A schema to be stored, of Avro record JSON.

    Without a `dataset_type` the name of the record tells which it is, or else its fields.
    InvalidInput says what is missing or malformed.
    """
    dataset_type = dataset_type or _told_by(avro)
    Schema.parse(avro, dataset_type)
    return DatasetSchema(name=name, dataset_type=dataset_type, avro=avro, asked=asked or {})


def dataset_type_named(name: str) -> DatasetType:
    """The type of that name, in any case; InvalidInput lists those there are."""
    for dataset_type in DatasetType:
        if dataset_type.lower() == name.lower():
            return dataset_type
    raise InvalidInput(
        f"datasetType {name} is none of this service's: {_TYPES}", field="datasetType"
    )


def _told_by(text: str) -> DatasetType:
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
    raise InvalidInput(f"name the schema's record after its dataset: {_TYPES}", field="schema")


def _record(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the schema is not JSON: {error}", field="schema") from error
    return document if isinstance(document, dict) else {}
