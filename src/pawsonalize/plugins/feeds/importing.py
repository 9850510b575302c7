"""Import feeds into the inventory: take good rows, remove animals that a complete feed lacks.

A feed whose animals another source has already, as when a file is imported twice, is refused.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import ClassVar, TypeVar

import msgspec

from pawsonalize.animals.animal import LEFT, Animal, AnimalStatus, History, weave
from pawsonalize.animals.inventory import Inventory
from pawsonalize.animals.listings import Listing, read_known, unrecognised
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.errors import Conflict, InvalidInput
from pawsonalize.plugins.feeds.formats import Rows
from pawsonalize.plugins.feeds.mapping import (
    NO_MAPPING,
    Meanings,
    ValueMapping,
    digest_name,
    most_frequent,
)
from pawsonalize.plugins.feeds.rows import FeedRow
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry

MAX_SHRINK = 0.3
MAX_REJECTED = 0.3
FILES = "files"
"""The origin of imports by `animals import` and `animals watch`."""
COUNTS = ("rows", "created", "updated", "unchanged", "removed", "kept")
"""Numbers that a report and its stored summary share."""
MOST_ROWS = 20
MOST_KEPT = 100
"""Bad rows that a report keeps of each sort; the others are counted."""
_MOST_VALUES, _LONGEST = 50, 300  # of a stored summary
_MOST_DIFFERENT, _OTHERS = 1_000, "(others)"  # unknown values of a field that a report tells apart
# Of so many rows that many bring an animal, or the file is read no further: a small packed file
# may hold millions.
_HOPEFUL_ROWS, _HOPEFUL_SHARE = 5_000, 0.01
_NAMED, _PLACES = 12, 5  # animals that leave, and rows of a status that nobody knows
_CHUNK = 1_000
_FEWEST_SAME = 2  # one name may be that of two animals
T = TypeVar("T")
_Stays = dict[str, dict[History, int]]
"""Of each animal: the different reports, each with the first row that has it."""


class BadRow(msgspec.Struct, frozen=True):
    """A row of a feed that was left out. `place` is its line or number in the file, from 1."""

    place: int
    animal_id: str | None
    reason: str


class FeedReport(msgspec.Struct):
    """The result of importing a feed.

    `removed` animals were listed and are not in it; `kept` ones may be in an unreadable row. `odd`
    rows contradict others of their animal; the latest fact counts. Of both, and of `rejected` rows,
    there are the first, and their number. `unrecognised` are unknown values by field, with their
    numbers of rows; `unread` are unknown fields, and columns that were left out, with a value of
    each. `says_status` is false if no column says who is still there. `held` has the reasons why
    animals are on hold whose status nobody knows, each with its number of rows, and `held_at` their
    first rows. `warnings` say so in words. So many of the feed's animals are `visible`, `on_hold`
    or `gone` now; `leaving` names those who were not gone before.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    kept: int = 0
    status_kept: int = 0
    rejected_rows: int = 0
    odd_rows: int = 0
    rejected: list[BadRow] = msgspec.field(default_factory=list)
    odd: list[BadRow] = msgspec.field(default_factory=list)
    unrecognised: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    unread: dict[str, str] = msgspec.field(default_factory=dict)
    says_status: bool = True
    held: dict[str, int] = msgspec.field(default_factory=dict)
    held_at: dict[str, list[int]] = msgspec.field(default_factory=dict)
    warnings: list[str] = msgspec.field(default_factory=list)
    visible: int = 0
    on_hold: int = 0
    gone: int = 0
    leaving: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """True if there were rows and all of them were rejected."""
        return bool(self.rejected) and self.rejected_rows == self.rows

    def in_words(self) -> str:
        """Return the result as a sentence."""
        text = (
            f"{self.rows:,} rows: {self.created:,} new, {self.updated:,} changed,"
            f" {self.unchanged:,} unchanged, {self.removed:,} removed,"
            f" {self.rejected_rows:,} rejected"
        )
        if self.odd:
            text += f"; {self.odd_rows:,} contradict another fact of their animal"
        if self.status_kept:
            text += f"; {self.status_kept:,} kept a status that is newer than the file"
        return text

    def fates(self) -> str:
        """Return the numbers of animals that are visible and not, and the names of who goes."""
        text = f"{self.visible:,} visible, {self.on_hold:,} on hold, {self.gone:,} gone"
        names = ", ".join(self.leaving[:_NAMED])
        more = len(self.leaving) - _NAMED
        named = f": {names}{f' and {more:,} more' if more > 0 else ''}" if names else ""
        return f"{text}{named}"

    def bad_rows(self) -> bytes:
        """The rejected and the contradictory rows that were kept, as JSON Lines."""
        rows = [*self.rejected, *self.odd]
        if (more := self.rejected_rows + self.odd_rows - len(rows)) > 0:
            rows.append(BadRow(0, None, f"and {more:,} more such rows"))
        return msgspec.json.Encoder().encode_lines(rows)

    def reject(self, row: BadRow, most: int) -> None:
        """Count a rejected row; it is among those of the report if they are not `most` yet."""
        self.rejected_rows += 1
        self.rejected += [row] if len(self.rejected) < most else []

    def add_odd(self, row: BadRow, most: int) -> None:
        """Count a contradictory row, as `reject` does."""
        self.odd_rows += 1
        self.odd += [row] if len(self.odd) < most else []

    def hold(self, reason: str, place: int) -> None:
        """Count one more row whose animal is on hold for this reason."""
        places = self.held_at.setdefault(_count(self.held, reason), [])
        places += [place] if len(places) < _PLACES else []

    def note(self, name: str, value: str) -> None:
        """Count one more row with an unknown value."""
        _count(self.unrecognised.setdefault(name, {}), value)


def _count(numbers: dict[str, int], value: str) -> str:
    """Count one more of a value, among the others if too many differ; return its name there."""
    name = value if value in numbers or len(numbers) < _MOST_DIFFERENT else _OTHERS
    numbers[name] = numbers.get(name, 0) + 1
    return name


class FeedImport(msgspec.Struct, frozen=True):
    """Options of an import: the source of its animals, and whether it has all of them.

    `most_kept` bad rows of each sort are in its report.
    """

    source: str = ""
    complete: bool = False
    allow_shrink: bool = False
    allow_known: bool = False
    """Even if most of its animals are known from another source."""
    mapping: ValueMapping = NO_MAPPING
    most_kept: int = MOST_KEPT

    def with_meanings(self, registry: Registry) -> "FeedImport":
        """Add the meanings that operators stored; those of a mapping file win."""
        return msgspec.structs.replace(
            self, mapping=Meanings(registry).mapping(self.source, self.mapping)
        )


def import_feed(
    animals: Animals, rows: Rows, how: FeedImport, true_at: int, now: int
) -> FeedReport:
    """Import a feed that was true at `true_at`; `rows` yields its rows, each time it is called.

    Conflict, and nothing is changed, if it is complete and too many animals are missing, or if most
    of its animals are known from another source.
    """
    inventory, report = Inventory(animals), FeedReport()
    first = () if how.allow_known else _read(next(_chunks(rows()), []), how, now, FeedReport())
    _check_other_sources(animals, [listing.animal for _row, listing in first], how.source)
    missing, nameless = _missing(animals, rows, how) if how.complete else (set(), 0)
    stays, gone, is_whole = _put(inventory, rows, how, true_at, now, report)
    for odd in _contradictions(inventory, stays):
        report.add_odd(odd, how.most_kept)
    report.odd.sort(key=lambda row: row.place)
    if (again := report.rows - report.rejected_rows - len(stays)) > 0:
        report.notes.append(
            f"{again:,} rows are about an animal that another row has too: the latest fact counts"
        )
    if report.unread:
        report.notes.append(f"left out, as nothing here is called so: {', '.join(report.unread)}")
    if reason := _doubt(nameless, report, is_whole=is_whole) if missing else "":
        report.kept = len(missing)
        report.notes.append(
            f"{report.kept:,} listed animals that are not found in it were kept: {reason}"
        )
    else:
        for ids in _chunks(iter(sorted(missing))):
            report.removed += inventory.remove(ids, now)
        stays.update((animal_id, {}) for animal_id in missing)
    _count_fates(inventory, stays, gone, report)
    if report.created and not how.source and (sources := animals.sources()):
        names = ", ".join(sources[:_NAMED])
        report.notes.append(f"known sources: {names}; --source says whose animals these are")
    return report


def _put(
    inventory: Inventory, rows: Rows, how: FeedImport, true_at: int, now: int, report: FeedReport
) -> tuple[_Stays, set[str], bool]:
    """Store the good rows.

    Returns their stays, the animals that were gone before, and False if the rest was not read.
    """
    stays: _Stays = {}
    gone: set[str] = set()
    for chunk in _chunks(rows()):
        listed = _read(chunk, how, now, report)
        before = inventory.get_many([listing.animal.animal_id for _row, listing in listed])
        gone |= {one for one, animal in before.items() if animal.status in LEFT} - stays.keys()
        receipt = inventory.put([listing for _row, listing in listed], true_at, now)
        for name in ("created", "updated", "unchanged", "status_kept"):
            setattr(report, name, getattr(report, name) + getattr(receipt, name))
        for refused in receipt.refused:
            row, _ = listed[refused.index]
            report.reject(BadRow(row.place, row.external_id, refused.reason), how.most_kept)
        for row, listing in listed:
            stays.setdefault(listing.animal.animal_id, {}).setdefault(listing.report, row.place)
        if _is_hopeless(report.rows, len(stays)):
            report.notes.append(
                f"only {len(stays):,} of the first {report.rows:,} rows bring an animal, so the"
                " rest was not read: look at the reasons, and whether its columns are taken rightly"
            )
            return stays, gone, False
    return stays, gone, True


def _count_fates(
    inventory: Inventory, stays: _Stays, gone: Collection[str], report: FeedReport
) -> None:
    """Count who is visible, on hold and gone, name who goes, and say what may be wrong with it."""
    for ids in _chunks(iter(stays)):
        for animal_id, animal in sorted(inventory.get_many(ids).items()):
            report.visible += animal.status is AnimalStatus.AVAILABLE
            report.gone += animal.status in LEFT
            report.on_hold += animal.status not in {AnimalStatus.AVAILABLE, *LEFT}
            if animal.status in LEFT and animal_id not in gone:
                report.leaving.append(f"{animal.name or animal.external_id} ({animal.status})")
    if not report.says_status:
        everyone = "all " if report.visible == len(stays) else ""
        text = f"no column says who is still there: {everyone}{report.visible:,} will be shown"
        report.warnings.insert(0, text)
    for reason, count in report.held.items():
        places = report.held_at[reason]
        rows = ", ".join(map(str, places)) + (", …" if count > len(places) else "")
        what = f"{count:,} on hold until you say what it means"
        report.warnings.append(f"{reason} (row {rows}): {what}")


def animal_id_of(source: str, external_id: str) -> str:
    """The id of a source's animal: ids of several sources may be alike."""
    return f"{source}:{external_id}" if source else external_id


def _missing(animals: Animals, rows: Rows, how: FeedImport) -> tuple[set[str], int]:
    """Return the listed animals in no readable row; rows without an id may be about any of them."""
    listed = animals.listed(how.source)
    named: set[str] = set()
    nameless = 0
    for read, row in enumerate(rows()):
        if _is_hopeless(read, len(named)):
            break
        if row.external_id is None:
            nameless += 1
        else:
            named.add(animal_id_of(how.source, row.external_id))
    gone = set(listed - named)
    if len(gone) > MAX_SHRINK * len(listed) and not how.allow_shrink and not nameless:
        raise Conflict(
            f"{len(gone):,} of {len(listed):,} listed animals are not in this feed: nothing was"
            " changed. If they are really gone, import it again with --allow-shrink; if it holds"
            " only changes, with --delta"
        )
    return gone, nameless


def _is_hopeless(rows: int, animals: int) -> bool:
    return rows >= _HOPEFUL_ROWS and animals < _HOPEFUL_SHARE * rows


def _doubt(nameless: int, report: FeedReport, *, is_whole: bool) -> str:
    if not is_whole:
        return "they may be in the rest of the file"
    if nameless:
        return (
            f"the id of {nameless:,} rows cannot be read, so they may be any of them."
            " Correct those rows, or name the --encoding or the --separator, and import it again"
        )
    if report.rejected_rows > MAX_REJECTED * report.rows:
        return (
            f"{report.rejected_rows:,} of {report.rows:,} rows were rejected, so the file may be"
            " read wrongly. Correct it and import it again"
        )
    return ""


def _read(
    rows: list[FeedRow], how: FeedImport, now: int, report: FeedReport
) -> list[tuple[FeedRow, Listing]]:
    listed = []
    unread: Mapping[str, str] = {}  # most often the same in each row
    for row in rows:
        report.rows += 1
        report.says_status &= row.says_status
        if row.unread != unread:
            unread = row.unread
            report.unread = {**unread, **report.unread}
        try:
            listed.append((row, _listing(row, how, now, report)))
        except InvalidInput as error:
            report.reject(BadRow(row.place, row.external_id, error.message), how.most_kept)
    return listed


def _contradictions(inventory: Inventory, stays: _Stays) -> Iterator[BadRow]:
    for ids in _chunks(iter(stays)):
        for animal_id, animal in inventory.get_many(ids).items():
            for one in weave(animal.history, animal.reports)[1]:
                places = (at for stay, at in stays[animal_id].items() if one.change in stay)
                if (place := next(places, None)) is not None:
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
            if name == "status" or (name == "outcome" and not form.outcome_at):
                report.hold(f"nobody knows the {name} {value!r}", row.place)
    for reason in odd:
        report.add_odd(BadRow(row.place, row.external_id, reason), how.most_kept)
    animal_id, external_id = animal_id_of(how.source, row.external_id), row.external_id
    animal = replace(
        listing.animal, animal_id=animal_id, external_id=external_id, source=how.source
    )
    return msgspec.structs.replace(listing, animal=animal)


def _chunks(things: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(things, _CHUNK)):
        yield chunk


class NewestImport(Resource, frozen=True, kw_only=True):
    """The result of the newest import from one origin: a feed's name, or `files`.

    Of `unrecognised` values, each field has the 50 most frequent, with their numbers of rows.
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


def keep_newest_import(
    registry: Registry, origin: str, source: str, report: FeedReport, now: int
) -> None:
    """Keep the result of an import in place of the one before."""
    stored = NewestImport(name=digest_name(f"{origin}\n{source}"), origin=origin, source=source)
    name = registry.ensure(stored, now).name
    first = report.rejected[:MOST_ROWS]
    changes: dict[str, object] = {count: getattr(report, count) for count in COUNTS} | {
        "at": now,
        "rejected": report.rejected_rows,
        "first_rejected": tuple(
            msgspec.structs.replace(one, reason=one.reason[:_LONGEST]) for one in first
        ),
        "unrecognised": {
            field: dict(most_frequent(some)[:_MOST_VALUES])
            for field, some in report.unrecognised.items()
        },
        "notes": tuple(note[:_LONGEST] for note in (*report.warnings, *report.notes)),
    }
    registry.assign(NewestImport, name, now, **changes)


def find_newest_import(registry: Registry, origin: str, source: str) -> NewestImport | None:
    """Return the result of the newest import; None before the first."""
    return registry.find(NewestImport, digest_name(f"{origin}\n{source}"))


def _check_other_sources(animals: Animals, listed: Collection[Animal], source: str) -> None:
    """Conflict if most of these animals are new, and in care under one other source."""
    in_care = [animal for animal in listed if animal.status not in LEFT]
    known = animals.get_many([animal.animal_id for animal in in_care])
    new = {_marks(one) for one in in_care if one.name and one.animal_id not in known}
    if len(new) < _FEWEST_SAME or 2 * len(new) <= len(in_care):
        return
    same = defaultdict[str, set[tuple[str, ...]]](set)
    for animal in Inventory(animals).all():
        if animal.source != source and animal.status not in LEFT and _marks(animal) in new:
            same[animal.source].add(_marks(animal))
    other = max(same, key=lambda name: len(same[name]), default="")
    count = len(same[other])
    if count >= _FEWEST_SAME and 2 * count > len(in_care):
        where = f"from the source {other}" if other else "without a source"
        way = f"with --source {other}" if other else "without --source"
        raise Conflict(
            f"{count:,} of {len(in_care):,} animals are known already {where}, by name, breed and"
            f" birth: nothing was changed. If they are the same, import the file {way}; if they"
            " are others, with --allow-known"
        )


def _marks(animal: Animal) -> tuple[str, ...]:
    born = animal.age if animal.born is None else animal.born.isoformat()
    return animal.name.casefold(), animal.species, animal.breed, born
