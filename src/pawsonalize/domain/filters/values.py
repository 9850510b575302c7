"""The values of a filter's placeholders: text such as `"dog","cat"`, as it comes with a request."""

import re
from collections.abc import Mapping

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.filters.rules import MAX_PARAMETERS
from pawsonalize.domain.limits import check_length

MAX_VALUE_LENGTH = 1_000

_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_BARE = re.compile(r"[^\",]+")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)

Values = Mapping[str, tuple[str, ...]]


def read_values(given: Mapping[str, str], field: str) -> Values:
    """The values by the name of their placeholder; `field` is what the caller calls the mapping.

    A value is text in double quotes, in which a backslash escapes, or bare; commas separate
    several. InvalidInput names the entry and the column.
    """
    check_length(field, len(given), MAX_PARAMETERS, "entries")
    return {name: _split(text, f"{field}.{name}") for name, text in given.items()}


def read_number(text: str) -> float | None:
    """The number that text writes, or None."""
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _split(text: str, field: str) -> tuple[str, ...]:
    check_length(field, len(text), MAX_VALUE_LENGTH)
    values = []
    at = 0
    while True:
        if quoted := _QUOTED.match(text, at):
            values.append(re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL))
            at = quoted.end()
        elif (bare := _BARE.match(text, at)) and bare[0].strip():
            values.append(bare[0].strip())
            at = bare.end()
        else:
            raise _wrong(text, at, field)
        if at == len(text):
            return tuple(values)
        if text[at] != ",":
            raise _wrong(text, at, field)
        at += 1


def _wrong(text: str, at: int, field: str) -> InvalidInput:
    found = text[at : at + 10] or "the end"
    return InvalidInput(
        f'{field}, column {at + 1}, at {found}: expected values such as "dog","cat", separated by'
        " commas",
        field=field,
    )
