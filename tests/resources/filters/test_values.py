"""The values of placeholders, as they come with a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.filters import read_number, read_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('"dog"', ("dog",)),
        ('"dog","cat" , "a, \\"b\\" \\\\"', ("dog", "cat", 'a, "b" \\')),
        ("dog", ("dog",)),
        (" 2.5 , Saint Bernard", ("2.5", "Saint Bernard")),
        ('""', ("",)),
    ],
)
def test_values_are_quoted_or_bare_and_separated_by_commas(
    text: str, values: tuple[str, ...]
) -> None:
    assert read_values({"A": text}, "filterValues") == {"A": values}


def test_what_is_no_list_of_values_is_refused_with_its_column(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, int]] = [
        ("", 1),
        ("a,", 3),
        ("a,,b", 3),
        ('"a', 1),
        ('"a" b', 5),
        ('a"b"', 2),
        ("  ", 1),
    ]
    for text, column in cases:
        with (
            subtests.test(text=text, column=column),
            pytest.raises(InvalidInput, match=f"filterValues.A, column {column}, at .*expected"),
        ):
            read_values({"A": text}, "filterValues")


@given(st.lists(st.text(max_size=10), min_size=1, max_size=5))
def test_any_texts_survive_their_quotes(texts: list[str]) -> None:
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    written = ",".join(f'"{text}"' for text in escaped)
    assert read_values({"A": written}, "filterValues") == {"A": tuple(texts)}


def test_there_are_limits() -> None:
    with pytest.raises(InvalidInput, match="1,000 characters, not 1,001"):
        read_values({"A": "x" * 1_001}, "filterValues")
    with pytest.raises(InvalidInput, match="25 entries, not 26"):
        read_values({f"A{n}": "x" for n in range(26)}, "filterValues")


def test_a_number_is_plain_digits(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, float | None]] = [
        (" 3 ", 3.0),
        ("-2.5e1", -25.0),
        ("x", None),
        ("", None),
        ("1_0", None),
        ("nan", None),
    ]
    for text, number in cases:
        with subtests.test(text=text, number=number):
            assert read_number(text) == number
