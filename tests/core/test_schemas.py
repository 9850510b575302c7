"""Schemas, as Amazon Personalize's documentation and consoles write them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.schemas import DatasetType, Schema

INTERACTIONS = """
{
  "type": "record",
  "name": "Interactions",
  "namespace": "com.amazonaws.personalize.schema",
  "fields": [
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
    {"name": "EVENT_VALUE", "type": ["float", "null"]},
    {"name": "DEVICE", "type": ["null", "string"], "categorical": true, "default": null}
  ],
  "version": "1.0"
}
"""


def record(*fields: Any, **changes: Any) -> str:
    ids = [{"name": "ITEM_ID", "type": "string"}, *fields]
    return json.dumps({"type": "record", "name": "Items", "fields": ids, **changes})


def test_the_documented_interactions_schema_is_read() -> None:
    schema = Schema.parse(INTERACTIONS, DatasetType.INTERACTIONS)
    assert [field.name for field in schema.fields][:3] == ["USER_ID", "ITEM_ID", "TIMESTAMP"]
    value, device = schema.field("event_value"), schema.field("DEVICE")
    assert value is not None
    assert device is not None
    assert (value.numeric, value.nullable, value.categorical) == (True, True, False)
    assert (device.numeric, device.nullable, device.categorical) == (False, True, True)
    assert schema.field("nothing") is None


def test_a_field_is_found_in_any_case() -> None:
    schema = Schema.parse(record({"name": "breed", "type": "string"}), DatasetType.ITEMS)
    assert schema.field("Breed") == schema.field("BREED") is not None


@pytest.mark.parametrize(
    ("dataset", "lacking"),
    [
        (DatasetType.INTERACTIONS, "USER_ID"),
        (DatasetType.INTERACTIONS, "TIMESTAMP"),
        (DatasetType.ITEMS, "ITEM_ID"),
        (DatasetType.USERS, "USER_ID"),
    ],
)
def test_a_missing_required_field_is_named(dataset: DatasetType, lacking: str) -> None:
    document = json.loads(INTERACTIONS)
    document["fields"] = [each for each in document["fields"] if each["name"] != lacking]
    with pytest.raises(InvalidInput, match=lacking):
        Schema.parse(json.dumps(document), dataset)


def test_what_is_no_schema_is_refused(subtests: pytest.Subtests) -> None:
    for text in [
        "",
        "not json",
        "[]",
        "null",
        '"record"',
        "[" * 100_000,
        '{"type": "enum"}',
        '{"type": "record"}',
        '{"type": "record", "fields": {}}',
        '{"type": "record", "fields": []}',
        record("USER_ID"),
        record({"type": "string"}),
        record({"name": 7, "type": "string"}),
        record({"name": "A"}),
        record({"name": "A", "type": []}),
        record({"name": "A", "type": "text"}),
        record({"name": "A", "type": [["string"]]}),
        record({"name": "A", "type": {"type": "array", "items": "string"}}),
        record({"name": "A", "type": "string"}, {"name": "a", "type": "int"}),
    ]:
        with subtests.test(text=text), pytest.raises(InvalidInput):
            Schema.parse(text, DatasetType.ITEMS)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.lists(st.fixed_dictionaries({"name": _JSON, "type": _JSON}, optional={"x": _JSON})))
def test_any_list_of_fields_is_a_schema_or_invalid_input(fields: list[Any]) -> None:
    try:
        schema = Schema.parse(record(*fields), DatasetType.ITEMS)
    except InvalidInput:
        return
    assert len(schema.fields) == len(fields) + 1
