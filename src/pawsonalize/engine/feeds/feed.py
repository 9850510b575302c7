"""What every format gives: one row for each animal of a file, good or bad."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.inventory.form import AnimalForm


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One animal of a feed: its form, or why there is none.

    `place` is the line, or the animal's number in the file, from 1. `external_id` is known of
    most bad rows too, so that nobody takes their animals for gone.
    """

    place: int
    external_id: str | None
    form: AnimalForm | None = None
    reason: str = ""


Feed = Callable[[bytes], Iterator[FeedRow]]
T = TypeVar("T")


def read_rows(
    records: Iterable[tuple[int, T]],
    id_of: Callable[[T], str | int | None],
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
