"""A feed into the inventory: its good rows, and what is no longer in a complete one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

import msgspec

from pawsonalize.domain.errors import Conflict, InvalidInput
from pawsonalize.engine.feeds.feed import Feed, FeedRow
from pawsonalize.engine.feeds.mapping import NO_MAPPING, ValueMapping
from pawsonalize.engine.inventory.inventory import Inventory
from pawsonalize.engine.inventory.listing import Listing, read_listing
from pawsonalize.engine.inventory.recognition import unrecognised
from pawsonalize.storage.animals import Animals

MAX_SHRINK = 0.3
_CHUNK = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row of a feed was left out. `place` is its line, or its number in the file, from 1."""

    place: int
    animal_id: str | None
    reason: str

    def json_line(self) -> bytes:
        """The row as one line of a JSON Lines report."""
        return msgspec.json.encode(self) + b"\n"


@dataclass(slots=True)
class FeedReport:
    """What a feed did. `removed` were listed before and are not in it.

    `unrecognised` are values that we do not know, by field: in how many rows each is.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    status_kept: int = 0
    rejected: list[BadRow] = field(default_factory=list)
    unrecognised: dict[str, dict[str, int]] = field(default_factory=dict)

    def note(self, name: str, value: str) -> None:
        """Count one row more with a value that we do not know."""
        values = self.unrecognised.setdefault(name, {})
        values[value] = values.get(value, 0) + 1


@dataclass(frozen=True, slots=True)
class FeedImport:
    """How a feed is taken: whose animals it tells of, and whether of all of them."""

    source: str = ""
    complete: bool = False
    allow_shrink: bool = False
    mapping: ValueMapping = NO_MAPPING


def import_feed(
    inventory: Inventory,
    animals: Animals,
    content: bytes,
    feed: Feed,
    how: FeedImport,
    told_at: int,
    now: int,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> FeedReport:
    """Take a feed that was true at `told_at`.

    Conflict, and nothing is changed, if it is complete and too many are missing.
    """
    gone = _missing(animals, content, feed, how) if how.complete else set()
    report = FeedReport()
    for rows in _chunks(feed(content)):
        listed = _read(rows, how, now, report)
        _put(inventory, listed, told_at, now, report)
        on_progress(report.rows)
    for ids in _chunks(iter(sorted(gone))):
        report.removed += inventory.remove(ids, now)
    return report


def animal_id_of(source: str, external_id: str) -> str:
    """The id of a source's animal: ids of several sources may be alike."""
    return f"{source}:{external_id}" if source else external_id


def _missing(animals: Animals, content: bytes, feed: Feed, how: FeedImport) -> set[str]:
    """Who is listed and not in the feed, be it in a bad row."""
    listed = animals.listed(how.source)
    told = {
        animal_id_of(how.source, row.external_id)
        for row in feed(content)
        if row.external_id is not None
    }
    gone = listed - told
    if len(gone) > MAX_SHRINK * len(listed) and not how.allow_shrink:
        raise Conflict(
            f"{len(gone):,} of {len(listed):,} listed animals are not in this feed: nothing was"
            " changed. If they are really gone, import it again with --allow-shrink; if it holds"
            " only changes, with --delta"
        )
    return gone


def _read(
    rows: list[FeedRow], how: FeedImport, now: int, report: FeedReport
) -> list[tuple[FeedRow, Listing]]:
    listed = []
    for row in rows:
        report.rows += 1
        try:
            listed.append((row, _listing(row, how, now, report)))
        except InvalidInput as error:
            report.rejected.append(BadRow(row.place, row.external_id, error.message))
    return listed


def _put(
    inventory: Inventory,
    listed: list[tuple[FeedRow, Listing]],
    told_at: int,
    now: int,
    report: FeedReport,
) -> None:
    receipt = inventory.put([listing for _row, listing in listed], told_at, now)
    report.created += receipt.created
    report.updated += receipt.updated
    report.unchanged += receipt.unchanged
    report.status_kept += receipt.status_kept
    for refused in receipt.refused:
        row, _ = listed[refused.index]
        report.rejected.append(BadRow(row.place, row.external_id, refused.reason))


def _listing(row: FeedRow, how: FeedImport, now: int, report: FeedReport) -> Listing:
    if row.form is None or row.external_id is None:
        raise InvalidInput(row.reason)
    form = how.mapping.applied(row.form)
    for name, value in unrecognised(form):
        report.note(name, value)
    listing = read_listing(form, now)
    return replace(
        listing,
        animal=replace(
            listing.animal,
            animal_id=animal_id_of(how.source, row.external_id),
            external_id=row.external_id,
            source=how.source,
        ),
    )


def _chunks(things: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(things, _CHUNK)):
        yield chunk
