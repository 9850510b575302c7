"""The reference of the language tells the truth."""

import re
from pathlib import Path

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.resources.filters import MAX_FIELDS, MAX_LENGTH, parse

PAGE = (Path(__file__).parents[3] / "docs/reference/filters.md").read_text(encoding="utf-8")
EXAMPLES = [
    line
    for block in re.findall(r"```filter\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
REFUSED = re.findall(r"^\| `((?:INCLUDE|EXCLUDE) .*?)` \| (column .*?) \|$", PAGE, re.MULTILINE)


def test_every_example_parses_and_is_written_as_it_is_read(subtests: pytest.Subtests) -> None:
    for example in EXAMPLES:
        with subtests.test(example=example):
            assert str(parse(example)) == example


@pytest.mark.parametrize(("example", "message"), REFUSED)
def test_every_error_is_as_shown(example: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(example)
    assert caught.value.message == message


def test_there_are_examples_and_the_limits_are_the_codes() -> None:
    assert len(EXAMPLES) == 9
    assert len(REFUSED) == 2
    for name, limit in (
        ("characters of an expression", MAX_LENGTH),
        ("distinct fields of a filter", MAX_FIELDS),
    ):
        assert f"| {name} | {limit:,} |" in PAGE
