"""Matches a file's header with a schema, and reads values by the schema's types."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.schemas import REQUIRED_FIELDS, DatasetType, Schema, SchemaField
from pawsonalize.engine.ingest.importing.csv_rows import CsvRow

_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The place of each column of a file; `fields` and values have the same order.

    `required` are the places of columns that a row must fill.
    """

    fields: tuple[SchemaField, ...]
    required: tuple[int, ...]

    @classmethod
    def match(
        cls, header: Sequence[str], dataset: DatasetType, schema: Schema | None
    ) -> "FileColumns":
        """Type the header's columns by the schema, or plainly where it names none.

        InvalidInput for a required column that the header lacks.
        """
        required = set(REQUIRED_FIELDS[dataset])
        if schema is not None:
            required |= {field.name for field in schema.fields if not field.nullable}
        missing = sorted(required - set(header))
        if missing:
            raise InvalidInput(
                f"the {dataset} file lacks the column {missing[0]}; its first line names"
                f" {', '.join(header)[:200]}. Separate columns by commas, semicolons or"
                " tabs",
                field=missing[0],
            )
        places = tuple(at for at, name in enumerate(header) if name in required)
        return cls(tuple(_field(name, schema) for name in header), places)

    def place(self, name: str) -> int | None:
        """The index of a column, None if the file has none of that name."""
        names = [field.name for field in self.fields]
        return names.index(name) if name in names else None

    def others(self, known: Sequence[str]) -> list[tuple[int, SchemaField]]:
        """The columns that are not among the known ones, with their indexes."""
        return [(at, field) for at, field in enumerate(self.fields) if field.name not in known]

    def refuse_empty(self, row: CsvRow) -> None:
        """InvalidInput if the row leaves a required column empty."""
        for at in self.required:
            if not row.values[at].strip():
                raise InvalidInput("must not be empty", field=self.fields[at].name)


def read_schema(text: str) -> Schema:
    """Read Avro JSON whose `name` says the dataset: Interactions, Items or Users."""
    try:
        name = json.loads(text)["name"]
        dataset = DatasetType(str(name).strip().capitalize())
    except (ValueError, RecursionError, KeyError, TypeError, IndexError) as error:
        raise InvalidInput(
            'the schema must be Avro JSON with "name": "Interactions", "Items" or "Users"',
            field="schema",
        ) from error
    return Schema.parse(text, dataset)


def read_value(field: SchemaField, text: str) -> str | int | float | None:
    """A value in its schema's type, None if empty; InvalidInput if it does not fit."""
    text = text.strip()
    if not text:
        return None
    if field.numeric and "string" not in field.types:
        return read_number(field, text)
    if "boolean" in field.types and "string" not in field.types:
        if text.lower() not in {"true", "false"}:
            raise InvalidInput("must be true or false", field=field.name)
        return text.lower()
    return text


def read_number(field: SchemaField, text: str) -> int | float:
    """A finite number, whole where the schema knows only whole ones; InvalidInput otherwise."""
    try:
        if "_" in text:  # Python's spelling, nobody else's
            raise ValueError
        fractional = not field.numeric or {"float", "double"} & set(field.types)
        if not fractional and "." not in text:
            whole = int(text)
        else:
            number = float(text)
            if not math.isfinite(number):
                raise ValueError
            if fractional:
                return number
            if not number.is_integer():
                raise InvalidInput("must be a whole number", field=field.name)
            whole = int(number)
        if not -_INT64 <= whole < _INT64:
            raise ValueError
    except ValueError as error:
        raise InvalidInput("must be a number", field=field.name) from error
    return whole


def _field(name: str, schema: Schema | None) -> SchemaField:
    given = schema.field(name) if schema is not None else None
    return given or SchemaField(name, ("null", "string"))
