"""Imports a feed into the inventory: takes good rows, and removes what a complete one lacks."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

import msgspec

from pawsonalize.domain.errors import Conflict, InvalidInput
from pawsonalize.domain.statuses import History, weave
from pawsonalize.engine.ingest.inventory.inventory import Inventory
from pawsonalize.engine.ingest.inventory.listing import Listing
from pawsonalize.engine.ingest.inventory.recognition import read_known, unrecognised
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.wings.feeds.feed import FeedRow
from pawsonalize.wings.feeds.formats import Rows
from pawsonalize.wings.feeds.mapping import NO_MAPPING, ValueMapping

MAX_SHRINK = 0.3
MAX_REJECTED = 0.3
_CHUNK = 1_000
T = TypeVar("T")
_Stays = defaultdict[str, list[tuple[int, History]]]
"""Of each animal: the rows and their reports."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row of a feed was left out. `place` is its line, or its number in the file, from 1."""

    place: int
    animal_id: str | None
    reason: str


@dataclass(slots=True)
class FeedReport:
    """The result of importing a feed. `removed` are animals that were listed and are not in it.

    `kept` are not in it either, but might be in a row that cannot be read. `odd` rows contradict
    themselves or others of their animal; they were taken, and the latest fact counts.
    `unrecognised` are unknown values by field, with the number of their rows. `unread` are unknown
    fields and columns. `notes` are sentences for people.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0
    status_kept: int = 0
    rejected: list[BadRow] = field(default_factory=list)
    odd: list[BadRow] = field(default_factory=list)
    unrecognised: dict[str, dict[str, int]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Whether there were rows and all of them were rejected."""
        return bool(self.rejected) and len(self.rejected) == self.rows

    def in_words(self) -> str:
        """What it did, in one sentence."""
        said = (
            f"{self.rows:,} rows: {self.created:,} new, {self.updated:,} changed,"
            f" {self.unchanged:,} unchanged, {self.removed:,} removed,"
            f" {len(self.rejected):,} rejected"
        )
        if self.odd:
            said += f"; {len(self.odd):,} contradict another fact of their animal"
        if self.status_kept:
            said += f"; {self.status_kept:,} kept a status that is newer than the file"
        return said

    def bad_rows(self) -> bytes:
        """The rejected and the contradictory rows, as JSON Lines."""
        return msgspec.json.Encoder().encode_lines((*self.rejected, *self.odd))

    def note(self, name: str, value: str) -> None:
        """Count one more row with an unknown value."""
        values = self.unrecognised.setdefault(name, {})
        values[value] = values.get(value, 0) + 1


@dataclass(frozen=True, slots=True)
class FeedImport:
    """How to import a feed: of which source its animals are, and whether it has all of them."""

    source: str = ""
    complete: bool = False
    allow_shrink: bool = False
    mapping: ValueMapping = NO_MAPPING


def import_feed(
    inventory: Inventory,
    animals: Animals,
    rows: Rows,
    how: FeedImport,
    told_at: int,
    now: int,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> FeedReport:
    """Import a feed that was true at `told_at`; `rows` gives its rows, each time it is called.

    Conflict, and nothing is changed, if it is complete and too many animals are missing.
    """
    missing = _missing(animals, rows, how) if how.complete else _NOBODY
    report = FeedReport()
    stays: _Stays = defaultdict(list)
    for chunk in _chunks(rows()):
        listed = _read(chunk, how, now, report)
        _put(inventory, listed, told_at, now, report)
        for row, listing in listed:
            stays[listing.animal.animal_id].append((row.place, listing.report))
        on_progress(report.rows)
    report.odd += _contradictions(inventory, stays)
    report.odd.sort(key=lambda row: row.place)
    if report.unread:
        report.notes.append(f"left out, as nothing here is called so: {', '.join(report.unread)}")
    if reason := _doubt(missing, report):
        report.kept = len(missing.ids)
        report.notes.append(
            f"{report.kept:,} listed animals that are not found in it were kept: {reason}"
        )
        return report
    for ids in _chunks(iter(sorted(missing.ids))):
        report.removed += inventory.remove(ids, now)
    return report


def animal_id_of(source: str, external_id: str) -> str:
    """The id of a source's animal: ids of several sources may be alike."""
    return f"{source}:{external_id}" if source else external_id


@dataclass(frozen=True, slots=True)
class _Missing:
    """The listed animals that are in no readable row; `nameless` rows may be about any of them."""

    ids: frozenset[str] = frozenset()
    nameless: int = 0


_NOBODY = _Missing()


def _missing(animals: Animals, rows: Rows, how: FeedImport) -> _Missing:
    listed = animals.listed(how.source)
    told, nameless = set(), 0
    for row in rows():
        if row.external_id is None:
            nameless += 1
        else:
            told.add(animal_id_of(how.source, row.external_id))
    gone = listed - told
    if len(gone) > MAX_SHRINK * len(listed) and not how.allow_shrink and not nameless:
        raise Conflict(
            f"{len(gone):,} of {len(listed):,} listed animals are not in this feed: nothing was"
            " changed. If they are really gone, import it again with --allow-shrink; if it holds"
            " only changes, with --delta"
        )
    return _Missing(frozenset(gone), nameless)


def _doubt(missing: _Missing, report: FeedReport) -> str:
    """Why no animal may be removed, if there is a reason."""
    if not missing.ids:
        return ""
    if missing.nameless:
        return (
            f"the id of {missing.nameless:,} rows cannot be read, so they may be any of them."
            " Correct those rows, or name the --encoding or the --separator, and import it again"
        )
    if len(report.rejected) > MAX_REJECTED * report.rows:
        return (
            f"{len(report.rejected):,} of {report.rows:,} rows were rejected, so the file may be"
            " read wrongly. Correct it and import it again"
        )
    return ""


def _read(
    rows: list[FeedRow], how: FeedImport, now: int, report: FeedReport
) -> list[tuple[FeedRow, Listing]]:
    listed = []
    for row in rows:
        report.rows += 1
        report.unread += [name for name in row.unread if name not in report.unread]
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


def _contradictions(inventory: Inventory, stays: _Stays) -> Iterator[BadRow]:
    """The rows that contradict others, when all rows are known."""
    for ids in _chunks(iter(stays)):
        for animal_id, animal in inventory.get_many(ids).items():
            for one in weave(animal.history, animal.reports)[1]:
                for place in [place for place, stay in stays[animal_id] if one.change in stay][:1]:
                    yield BadRow(place, animal.external_id, one.in_words())


def _listing(row: FeedRow, how: FeedImport, now: int, report: FeedReport) -> Listing:
    if row.form is None or row.external_id is None:
        raise InvalidInput(row.reason)
    form = how.mapping.applied(row.form)
    unknown = list(unrecognised(form))
    try:
        listing, odd = read_known(form, now, unknown)
    finally:
        for name, value in unknown:
            report.note(name, value)
    report.odd += (BadRow(row.place, row.external_id, reason) for reason in odd)
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
