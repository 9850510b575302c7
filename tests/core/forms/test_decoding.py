"""Decoding whose errors say where and what."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Form, UnknownFields, decode


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
        (b'{"leaves": 1}', "leaves", "leaves must be a list: it is 1"),
        (b'{"leaves": [{}]}', "leaves[0].someNumber", "leaves[0].someNumber is missing: send it"),
        (
            b'{"leaves": [{"someNumber": 1}, {"someNumber": "x"}]}',
            "leaves[1].someNumber",
            'leaves[1].someNumber must be a whole number, such as 10: it is text, "x"',
        ),
        (b"7", None, "this must be an object: it is 7"),
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


def test_what_is_not_json_has_a_code_of_its_own(subtests: pytest.Subtests) -> None:
    for body in [
        b"",
        b"{",
        b'{"leaves": [}',
        b'{"leaves": [\xff]}',
        b'{"x": ' + b"[" * 100_000,
        b"\x00",
    ]:
        with subtests.test(body=body):
            with pytest.raises(InvalidInput, match=r"not JSON|nested too deeply") as refusal:
                decode(_TREE, body)
            assert refusal.value.code == "invalid_json"


class Mood(StrEnum):
    CALM = "calm"
    LIVELY = "lively"


class Wish(Form, frozen=True, rename="camel", kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=500)] = 10
    of: Literal["groups", "animals"] = "groups"
    mood: Mood | None = None
    max_fee: Annotated[float, Meta(ge=0)] | None = None
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    name: Annotated[str, Meta(min_length=1, max_length=8)] | None = None
    wanted: Annotated[list[str | int], Meta(max_length=2)] = msgspec.field(default_factory=list)
    is_sure: bool = False
    others: "list[Wish]" = msgspec.field(default_factory=list)
    free: dict[str, Any] = msgspec.field(default_factory=dict)


_WISH = msgspec.json.Decoder(Wish)


def test_an_error_says_what_to_write_and_what_is_there(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, object, str]] = [
        ("limit", "6", 'limit must be a whole number from 1 to 500, such as 10: it is text, "6"'),
        ("limit", 0, "limit must be a whole number from 1 to 500, such as 10: it is 0"),
        ("limit", 1.5, "limit must be a whole number from 1 to 500, such as 10: it is 1.5"),
        ("limit", None, "limit must be a whole number from 1 to 500, such as 10: it is null"),
        ("limit", "x" * 99, "limit must be a whole number from 1 to 500, such as 10: it is text"),
        ("of", "cats", 'of must be animals or groups: it is text, "cats"'),
        ("mood", "odd", 'mood must be calm or lively: it is text, "odd"'),
        ("maxFee", -1, "maxFee must be a number of at least 0, such as 10: it is -1"),
        ("share", 1, "share must be a number above 0 below 1, such as 0.5: it is 1"),
        ("name", "", 'name must be text of 1 to 8 characters: it is text, ""'),
        ("name", [], "name must be text of 1 to 8 characters: it is an empty list"),
        (
            "wanted",
            [1, 2, 3],
            "wanted must be a list of at most 2 entries: it is a list of 3 entries",
        ),
        ("isSure", "yes", 'isSure must be true or false: it is text, "yes"'),
        ("free", True, "free must be an object: it is true"),
    ]
    for field, value, message in cases:
        with subtests.test(field=field, value=value, message=message):
            with pytest.raises(InvalidInput) as refusal:
                decode(_WISH, msgspec.json.encode({field: value}))
            assert (refusal.value.field, refusal.value.message) == (field, message)


def test_unknown_fields_are_left_out_and_named_once_at_any_depth() -> None:
    unknown = UnknownFields()
    sent = {
        "colour": [1],
        "limit": 7,
        "others": [{"of": "animals"}, {"colour": 1}, {"colour": 2, "others": [{"x": 1}]}],
        "free": {"limt": 3},
    }
    wish = decode(_WISH, msgspec.json.encode(sent), unknown)
    assert (wish.limit, wish.free, len(wish.others)) == (7, {"limt": 3}, 3)
    assert list(unknown.values()) == ["colour", "others[1].colour", "others[2].others[0].x"]


@pytest.mark.parametrize(
    ("body", "field", "right"),
    [
        ({"limt": 3}, "limt", "limit"),
        ({"max_fee": "x"}, "max_fee", "maxFee"),
        ({"others": [{}, {"IsSure": 1}]}, "others[1].IsSure", "others[1].isSure"),
        ({"limit": "x", "colour": 1, "wantd": []}, "wantd", "wanted"),
        ({"body": {"colour": 1, "limit": 3}}, "body", "limit"),
    ],
)
def test_a_misspelt_field_is_an_error_that_says_the_right_name(
    body: Any, field: str, right: str
) -> None:
    with pytest.raises(InvalidInput, match=f"write {right}".replace("[", r"\[")) as refusal:
        decode(_WISH, msgspec.json.encode(body))
    assert (refusal.value.field, refusal.value.code) == (field, "unknown_field")


def test_a_name_like_one_that_is_there_as_well_is_no_misspelling() -> None:
    unknown = UnknownFields()
    assert decode(_WISH, b'{"limit": 3, "limits": 4}', unknown).limit == 3
    assert list(unknown.values()) == ["limits"]


def test_of_very_many_unknown_fields_only_the_first_are_looked_at() -> None:
    many = {f"x{n}": n for n in range(200)}
    with pytest.raises(InvalidInput, match="write limit"):
        decode(_WISH, msgspec.json.encode({"limt": 3, **many}))
    unknown = UnknownFields()
    decode(_WISH, msgspec.json.encode({**many, "limt": 3}), unknown)
    assert list(unknown.values()) == [*many]
