"""Identifiers: what names a thing, and what cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import MAX_ID_LENGTH, parse_id


def test_an_id_is_text_and_an_integer_names_the_same_as_its_digits(
    subtests: pytest.Subtests,
) -> None:
    cases: list[tuple[object, str]] = [
        ("ann", "ann"),
        (" ann\n", "ann"),
        ("Saint Bernard", "Saint Bernard"),
        ("Zoë-東京-🐕", "Zoë-東京-🐕"),
        (7, "7"),
        ("7", "7"),
        (7.0, "7"),
        (-3, "-3"),
        (2**80, str(2**80)),
        ("x" * MAX_ID_LENGTH, "x" * MAX_ID_LENGTH),
    ]
    for value, text in cases:
        with subtests.test(value=value, text=text):
            assert parse_id(value, "userId") == text


def test_what_is_no_id_is_refused_with_the_name_of_its_field(subtests: pytest.Subtests) -> None:
    cases: list[object] = [
        None,
        True,
        "",
        " \t",
        "a\x00b",
        "a\nb",
        "a\u2028b",
        "\ud800",
        "x" * (MAX_ID_LENGTH + 1),
        10**MAX_ID_LENGTH,
        -(10**5000),
        1.5,
        1e300,
        float("nan"),
        float("-inf"),
        b"ann",
        ["ann"],
        {"id": 1},
    ]
    for value in cases:
        with subtests.test(value=value):
            with pytest.raises(InvalidInput, match="userId") as refusal:
                parse_id(value, "userId")
            assert refusal.value.field == "userId"


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.binary())
def test_every_value_is_an_id_that_reads_back_as_itself_or_invalid_input(value: object) -> None:
    try:
        text = parse_id(value, "userId")
    except InvalidInput:
        return
    assert 0 < len(text) <= MAX_ID_LENGTH
    assert parse_id(text, "userId") == text
    text.encode()  # no lone surrogates: every database and every door can carry it
