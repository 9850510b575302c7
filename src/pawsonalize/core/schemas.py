"""Dataset schemas: Avro record JSON, in the form Amazon Personalize documents."""

import json
from dataclasses import dataclass
from enum import StrEnum

from pawsonalize.core.errors import InvalidInput

_PRIMITIVES = {"string", "int", "long", "float", "double", "boolean", "null"}


class DatasetType(StrEnum):
    """The datasets of a dataset group."""

    INTERACTIONS = "Interactions"
    ITEMS = "Items"
    USERS = "Users"
    ACTIONS = "Actions"
    ACTION_INTERACTIONS = "Action_Interactions"


REQUIRED_FIELDS = {
    DatasetType.INTERACTIONS: ("USER_ID", "ITEM_ID", "TIMESTAMP"),
    DatasetType.ACTION_INTERACTIONS: ("USER_ID", "ACTION_ID", "TIMESTAMP", "EVENT_TYPE"),
    DatasetType.ITEMS: ("ITEM_ID",),
    DatasetType.ACTIONS: ("ACTION_ID",),
    DatasetType.USERS: ("USER_ID",),
}


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One column: its name in upper case, its Avro types, and whether it is categorical."""

    name: str
    types: tuple[str, ...]
    categorical: bool = False

    @property
    def nullable(self) -> bool:
        """True if a row may leave the column empty."""
        return "null" in self.types

    @property
    def numeric(self) -> bool:
        """True if values are numbers."""
        return any(kind in {"int", "long", "float", "double"} for kind in self.types)


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a dataset. Names compare without regard to case."""

    dataset: DatasetType
    fields: tuple[SchemaField, ...]

    @classmethod
    def parse(cls, text: str, dataset: DatasetType) -> "Schema":
        """Read Avro record JSON; InvalidInput names what is missing or malformed."""
        try:
            document = json.loads(text)
        # JSON that is nested too deep is a RecursionError.
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"the schema is not JSON: {error}", field="schema") from error
        if not isinstance(document, dict) or document.get("type") != "record":
            raise InvalidInput(
                'the schema must be an Avro record ("type": "record")', field="schema"
            )
        listed = document.get("fields")
        if not isinstance(listed, list) or not listed:
            raise InvalidInput("the schema has no fields", field="fields")
        schema = cls(dataset, tuple(_field(entry) for entry in listed))
        names = [field.name for field in schema.fields]
        if len(set(names)) != len(names):
            raise InvalidInput("the schema names a field twice", field="fields")
        for required in REQUIRED_FIELDS[dataset]:
            if required not in names:
                raise InvalidInput(
                    f"the {dataset} schema lacks the required field {required}", field="fields"
                )
        return schema

    def field(self, name: str) -> SchemaField | None:
        """The column of that name, in any case."""
        return next((field for field in self.fields if field.name == name.upper()), None)


def _field(entry: object) -> SchemaField:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise InvalidInput("each schema field needs a name", field="fields")
    name = entry["name"]
    kinds = entry.get("type")
    types = tuple(kinds) if isinstance(kinds, list) else (kinds,)
    if not types or not all(isinstance(kind, str) and kind in _PRIMITIVES for kind in types):
        allowed = ", ".join(sorted(_PRIMITIVES))
        raise InvalidInput(f"field {name} has an unknown type; use one of {allowed}", field=name)
    return SchemaField(name.upper(), types, bool(entry.get("categorical", False)))
