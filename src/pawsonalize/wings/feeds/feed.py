"""The rows that every feed format gives: one for each animal of a file, good or bad."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.decoder import decode
from pawsonalize.engine.ingest.inventory.form import AnimalForm


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One animal of a feed: its form, or why there is none.

    `place` is the line, or the animal's number in the file, from 1. Most bad rows have an
    `external_id` too, so that their animals do not count as gone. `unread` are its unknown fields.
    """

    place: int
    external_id: str | None
    form: AnimalForm | None = None
    reason: str = ""
    unread: tuple[str, ...] = ()


Feed = Callable[[bytes], Iterator[FeedRow]]
T = TypeVar("T")


class _Named(msgspec.Struct, frozen=True):
    """The part of a record that is read first, so that a bad record has an id too."""

    id: str | int | None = None
    ID: str | int | None = None


_NAMED = msgspec.json.Decoder(_Named)


def named_in(raw: bytes | msgspec.Raw) -> str | None:
    """The id in a JSON record that is otherwise bad; None if that cannot be read either."""
    try:
        named = decode(_NAMED, raw)
    except InvalidInput:
        return None
    return str(named.id if named.id is not None else named.ID or "").strip() or None


def read_rows(
    records: Iterable[tuple[int, T]],
    id_of: Callable[[T], str | int | float | None],
    form_of: Callable[[T], AnimalForm],
) -> Iterator[FeedRow]:
    """The rows of a format's records."""
    for place, record in records:
        external_id = str(id_of(record) or "").strip()
        if not external_id:
            yield FeedRow(place, None, reason="it has no id")
            continue
        try:
            yield FeedRow(place, external_id, form_of(record))
        except InvalidInput as error:
            yield FeedRow(place, external_id, reason=error.message)


def first_of(*texts: str | None) -> str | None:
    """The first that is not empty."""
    return next((text for text in texts if text and text.strip()), None)


def all_of(*texts: str | None) -> list[str]:
    """Those that are not empty."""
    return [text.strip() for text in texts if text and text.strip()]
