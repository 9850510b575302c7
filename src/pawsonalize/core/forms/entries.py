"""Entries of calls that bring many at once: types of their fields, and what is wrong with each."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from pawsonalize.core.errors import Conflict, Forbidden, InvalidInput
from pawsonalize.core.limits import MAX_ID_LENGTH

T = TypeVar("T")
PartT = TypeVar("PartT")
# The bounds are for the API document; `parse_id` keeps them, and says more when it refuses.
Id = Annotated[
    Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_ID_LENGTH})]
    | int
    | Annotated[float, Meta(extra_json_schema={"multipleOf": 1})],
    Meta(description="1 to 256 printable characters, or an integer naming the same."),
]
Moment = Annotated[
    str | int | float, Meta(description="ISO 8601 text, epoch seconds or epoch milliseconds.")
]
_MOST_MISTAKES = 20
Odd = Mapping[tuple[str, str], int]
"""Likely mistakes, each a field and a message, and the place of the first entry with it."""


class Rejected(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of a call that was not taken."""

    index: int
    """Its place in the call, from 0."""
    code: str
    """For programs: it stays the same."""
    message: str
    """For people: what is wrong, and the next move."""
    field: str | None = None
    """Field of the entry."""


def read_each(
    entries: Iterable[PartT], read: Callable[[PartT], T]
) -> tuple[dict[int, T], list[Rejected]]:
    """Return the good entries of a call by their places, and what is wrong with the others."""
    good, rejected = {}, []
    for index, entry in enumerate(entries):
        try:
            good[index] = read(entry)
        except (InvalidInput, Forbidden, Conflict) as error:
            rejected.append(Rejected(index, error.code, error.message, error.field))
    return good, rejected


def first_of_each(found: Iterable[tuple[int, tuple[str, str]]]) -> Odd:
    """Return the first 20 likely mistakes."""
    first: dict[tuple[str, str], int] = {}
    for place, mistake in found:
        if len(first) < _MOST_MISTAKES:
            first.setdefault(mistake, place)
    return first
