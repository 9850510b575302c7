"""Imports a feed into the inventory: takes good rows, and removes what a complete one lacks."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from typing import ClassVar, TypeVar

import msgspec

from pawsonalize.domain.errors import AlreadyExists, Conflict, InvalidInput
from pawsonalize.domain.statuses import History, weave
from pawsonalize.engine.ingest.inventory import Inventory
from pawsonalize.engine.ingest.listings import Listing, read_known, unrecognised
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.wings.feeds.formats import Rows
from pawsonalize.wings.feeds.mapping import NO_MAPPING, Meanings, ValueMapping
from pawsonalize.wings.feeds.rows import FeedRow

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

    def with_meanings(self, registry: Registry) -> "FeedImport":
        """Add the meanings that operators stored; those of a mapping file win."""
        return replace(self, mapping=Meanings(registry).mapping(self.source, self.mapping))


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


FILES = "files"
"""The origin of what `animals import` and `animals watch` take."""
_MOST_ROWS = 20
_MOST_VALUES = 50
_LONGEST = 300


class BroughtIn(Resource, frozen=True, kw_only=True):
    """The result of the newest import from one origin: a feed's name, or `files`.

    `first_rejected` are the first 20 of the rejected rows; `unrecognised` has at most 50 values of
    each field, the most frequent ones, with the number of their rows.
    """

    kind: ClassVar[str] = "feed import"

    origin: str
    source: str
    at: int = 0
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0
    rejected: int = 0
    first_rejected: tuple[BadRow, ...] = ()
    unrecognised: Mapping[str, Mapping[str, int]] = {}
    notes: tuple[str, ...] = ()


def note_brought(
    registry: Registry, origin: str, source: str, report: FeedReport, now: int
) -> None:
    """Keep what an import brought, in place of what the one before it did."""
    name = _name(origin, source)
    if registry.find(BroughtIn, name) is None:
        with suppress(AlreadyExists):  # another process was faster
            registry.create(BroughtIn(name=name, origin=origin, source=source), now)
    changes = {
        "at": now,
        "rows": report.rows,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "kept": report.kept,
        "rejected": len(report.rejected),
        "first_rejected": tuple(map(_short, report.rejected[:_MOST_ROWS])),
        "unrecognised": {field: _most(some) for field, some in report.unrecognised.items()},
        "notes": tuple(note[:_LONGEST] for note in report.notes),
    }
    registry.change(BroughtIn, name, lambda one: msgspec.structs.replace(one, **changes), now)


def find_brought(registry: Registry, origin: str, source: str) -> BroughtIn | None:
    """What the newest import brought; None before the first."""
    return registry.find(BroughtIn, _name(origin, source))


def _short(row: BadRow) -> BadRow:
    return BadRow(row.place, row.animal_id, row.reason[:_LONGEST])


def _most(values: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(values.items(), key=lambda one: (-one[1], one[0]))
    return dict(ordered[:_MOST_VALUES])


def _name(origin: str, source: str) -> str:
    """Both may be any text; a resource's name may not."""
    text = f"{origin}\n{source}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).hexdigest()
