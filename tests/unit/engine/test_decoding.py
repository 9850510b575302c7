"""Decoding whose errors say where and what."""

import msgspec
import pytest

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.decoding import decode


class Leaf(msgspec.Struct, rename="camel"):
    some_number: int


class Tree(msgspec.Struct):
    leaves: list[Leaf]
    named: dict[str, Leaf] = {}


_TREE = msgspec.json.Decoder(Tree)


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"{}", "leaves", "leaves is missing: send it"),
        (b'{"leaves": 1}', "leaves", "leaves: Expected `array`, got `int`"),
        (b'{"leaves": [{}]}', "leaves[0].someNumber", "leaves[0].someNumber is missing: send it"),
        (
            b'{"leaves": [{"someNumber": 1}, {"someNumber": "x"}]}',
            "leaves[1].someNumber",
            "leaves[1].someNumber: Expected `int`, got `str`",
        ),
        (b"7", None, "Expected `object`, got `int`"),
    ],
)
def test_the_refusal_names_the_field_by_its_path(
    body: bytes, field: str | None, message: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decode(_TREE, body)
    assert (refusal.value.field, refusal.value.message) == (field, message)
    assert refusal.value.code == "invalid_input"


def test_a_field_of_a_mapping_is_named_without_its_key() -> None:
    with pytest.raises(InvalidInput) as refusal:
        decode(_TREE, b'{"leaves": [], "named": {"`": {"someNumber": null}}}')
    assert refusal.value.field == "named[...].someNumber"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"leaves": [}', b'{"leaves": [\xff]}', b'{"x": ' + b"[" * 100_000, b"\x00"],
    ids=lambda body: str(body[:20]),
)
def test_what_is_not_json_has_a_code_of_its_own(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="not JSON") as refusal:
        decode(_TREE, body)
    assert refusal.value.code == "invalid_json"
