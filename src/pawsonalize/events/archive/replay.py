"""Rebuilds an empty log from the archive alone, or a part of it, as archived or read anew."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import msgspec

from pawsonalize.core.errors import Conflict, CorruptArtefact, InvalidInput, NotFound
from pawsonalize.core.event import ACTIONS, DEFAULT_DATASET_GROUP, Event, LoggedEvent, digest_of
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.events.archive.reading import ALWAYS, ArchiveReader, Period
from pawsonalize.events.archive.rows import ObjectName, decode, digest, encode
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.erasure.erased_archive import ErasedArchive, ErasureNotes, reopen_undone
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.job_table import Progress, silent

MOST_NAMED = 100

Reader = Callable[[str, Event], Event]
"""Reads an event's JSON; beside it the event as it was read before. InvalidInput if it cannot."""


class Rereading(msgspec.Struct):
    """Reads events anew and counts what became of them; what cannot be read stays as archived."""

    read: Reader
    same: int = 0
    changed: int = 0
    without_raw: int = 0
    refused: int = 0
    named: list[str] = msgspec.field(default_factory=list)
    """The first of those that stayed as they were, with the reason."""

    def rows(self, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """These events, as they are read today."""
        return [replace(row, event=self._event(row)) for row in rows]

    def _event(self, row: LoggedEvent) -> Event:
        was = row.event
        if was.raw is None:
            self.without_raw += 1
            self._name(row, "it is not known how it came in")
            return was
        try:
            event = self.read(was.raw, was)
        except InvalidInput as error:
            self.refused += 1
            self._name(row, error.message)
            return was
        now = replace(
            event,
            event_id=was.event_id,
            received_at=was.received_at,
            dataset_group=was.dataset_group,
            raw=was.raw,
        )
        self.same += now == was
        self.changed += now != was
        return now

    def _name(self, row: LoggedEvent, reason: str) -> None:
        if len(self.named) < MOST_NAMED:
            self.named.append(f"offset {row.offset}: {reason}")


_AT_ONCE = 1_000  # in one transaction, so that other events wait for none of them


class Appended(msgspec.Struct):
    """Counts of the source's events that are in the archive."""

    stored: int = 0
    duplicates: int = 0
    erased: int = 0
    """Of visitors who were erased from the target since they came in."""
    # Events refused because their item is no animal group, as the default dataset group needs.
    refused: int = 0
    named: list[str] = msgspec.field(default_factory=list)
    """The first of the refused ones, with the reason."""
    damaged: list[str] = msgspec.field(default_factory=list)
    """Reasons why objects could not be read, one sentence each."""

    @property
    def read(self) -> int:
        """Number of events that were read."""
        return self.stored + self.duplicates + self.erased + self.refused


# An event keeps its id and when it happened, and comes in now; to repeat it changes nothing.
class ReplayInto(msgspec.Struct, frozen=True):
    """Appends the events of `source` to `target`, with its actions."""

    source: str
    target: str
    log: EventLog
    reader: ArchiveReader
    erased: ErasedLookup
    now: Callable[[], int]
    rereading: Rereading | None = None

    def replay(self, on_progress: Progress = silent) -> Appended:
        """Do it; `on_progress` gets the objects done and their total, damaged ones are left out."""
        found = Appended()
        for rows in self.reader.in_log_order(on_progress, found.damaged):
            mine = [row for row in rows if row.event.dataset_group in self._groups]
            for start in range(0, len(mine), _AT_ONCE):
                self._append(mine[start : start + _AT_ONCE], found)
        return found

    @property
    def _groups(self) -> dict[str, str]:
        return {self.source: self.target, self.source + ACTIONS: self.target + ACTIONS}

    def _append(self, rows: Sequence[LoggedEvent], found: Appended) -> None:
        noted = self.erased.noted_since(-1, self.target)
        # Who was erased from the target since an event came in stays erased.
        kept = [row for row in rows if row.event.received_at > noted.get(digest_of(row), -1)]
        found.erased += len(rows) - len(kept)
        if self.rereading is not None:
            kept = self.rereading.rows(kept)
        moved, now = [], self.now()
        for row in kept:
            group = self._groups[row.event.dataset_group]
            if group != DEFAULT_DATASET_GROUP or AnimalGroup.parse(row.event.item_id) is not None:
                moved.append(replace(row.event, dataset_group=group, received_at=now))
                continue
            found.refused += 1
            if len(found.named) < MOST_NAMED:
                found.named.append(f"offset {row.offset}: its item is no animal group")
        stored = self.log.append(moved)
        found.stored += sum(stored)
        found.duplicates += len(stored) - sum(stored)


class Replayed(msgspec.Struct, frozen=True):
    """Number of events restored, and of those of the archive that are of another time."""

    restored: int
    left_out: int
    damaged: tuple[str, ...] = ()
    """Reasons why objects could not be read, one sentence each."""
    gaps: tuple[tuple[int, int], ...] = ()
    """First and last offset of each gap between the names of the objects."""


def replay(
    log: EventLog,
    archive: ErasedArchive,
    erasures: ErasureTable,
    now: Callable[[], int],
    on_progress: Progress = silent,
    *,
    period: Period = ALWAYS,
    rereading: Rereading | None = None,
) -> Replayed:
    """Restore the archived events of a period at their old offsets, but for erased ones.

    Conflict if the log is not empty.
    """
    # The objects are found by listing them, and the ledger learns of those it does not know. Up to
    # the last event that was left out or reads differently, the log counts as one that events have
    # left. A damaged object is left out and named, with the gaps that names show; the ledger gets
    # it as it is, so that a verification names it too.
    ledger, objects = archive.ledger, archive.objects
    names, covered = _in_log_order(objects)
    _refuse_unless_empty(log, ledger, names)
    # First: an object from before an erasure, out of a backup say, must not undo it.
    reopen_undone(erasures, ErasureNotes(objects), now)
    restored = left_out = differs_through = 0
    damaged: list[str] = []
    for done, name in enumerate(names, start=1):
        try:
            rows = _adopted(name, archive)
        except (CorruptArtefact, NotFound) as error:
            damaged.append(error.message)
            differs_through = name.last
            continue
        for small in covered.get(name, ()):
            _check_covered(small, archive, rows, damaged)
            ledger.note_leftovers([small.key], 0)
        wanted = [row for row in rows if period.holds(row)]
        left_out += len(rows) - len(wanted)
        if rereading is not None:
            wanted = archive.without_erased(rereading.rows(wanted))
        log.restore(wanted)
        differs_through = max(differs_through, _last_difference(rows, wanted))
        restored += len(wanted)
        on_progress(done, len(names))
    log.restored(names[-1].last if names else 0, differs_through)
    erasures.apply(now())
    between = ((before.last + 1, name.first - 1) for before, name in pairwise(names))
    gaps = tuple((first, last) for first, last in between if first <= last)
    return Replayed(restored, left_out, tuple(damaged), gaps)


def _adopted(name: ObjectName, archive: ErasedArchive) -> list[LoggedEvent]:
    """The rows of an object without erased ones; the ledger knows it then."""
    data = archive.objects.get(name.key)
    try:
        rows = decode(name, data)
    except CorruptArtefact:
        _adopt(archive.ledger, Segment(name.first, name.last, 0, name.key, digest(data)))
        raise
    kept = archive.without_erased(rows)
    if len(kept) < len(rows):
        rows, data = kept, encode(kept)
        archive.objects.replace(name.key, data)
    segment = Segment(name.first, name.last, len(rows), name.key, digest(data))
    # Before the rows are restored: an archiver that runs meanwhile must not plan them anew.
    _adopt(archive.ledger, segment)
    archive.written(name.key, len(data), rows)
    return rows


def _last_difference(archived: list[LoggedEvent], restored: list[LoggedEvent]) -> int:
    """The last offset at which the log has not what the archive has; 0 if they are the same."""
    there = {row.offset: row.event for row in restored}
    differing = (row.offset for row in archived if there.get(row.offset) != row.event)
    return max(differing, default=0)


def _in_log_order(
    objects: ObjectStore,
) -> tuple[list[ObjectName], dict[ObjectName, list[ObjectName]]]:
    """The objects to restore, and those that one of them covers: somebody died deleting them."""
    parsed = (ObjectName.parse(key) for key in objects.list())
    found = (name for name in parsed if name is not None)
    names: list[ObjectName] = []
    covered: dict[ObjectName, list[ObjectName]] = {}
    # An object of a day comes before those of its hours, which it may cover.
    for name in sorted(found, key=lambda name: (name.first, -name.last, name.folder)):
        if names and names[-1].covers(name):
            covered.setdefault(names[-1], []).append(name)
            continue
        if not (names[-1].last if names else 0) < name.first <= name.last:
            raise _mixed(name)
        names.append(name)
    return names, covered


def _check_covered(
    small: ObjectName, archive: ErasedArchive, rows: list[LoggedEvent], damaged: list[str]
) -> None:
    """CorruptArtefact if the small object holds anything that these rows lack."""
    there = {row.offset: row.event for row in rows}
    try:
        held = archive.without_erased(decode(small, archive.objects.get(small.key)))
    except (CorruptArtefact, NotFound) as error:
        damaged.append(error.message)
        return
    if any(there.get(row.offset) != row.event for row in held):
        raise _mixed(small)


def _mixed(name: ObjectName) -> CorruptArtefact:
    return CorruptArtefact(
        f"{name.key} overlaps the object before it: the folder mixes two archives; move the"
        " objects of one of them away"
    )


def _refuse_unless_empty(log: EventLog, ledger: ArchiveLedger, names: list[ObjectName]) -> None:
    if log.head() > 0:
        raise Conflict("the log already holds events: replay into a new, empty database")
    archived = names[-1].last if names else 0
    if ledger.planned_through() > archived:
        # New events would get offsets that the ledger believes to be archived.
        raise Conflict(
            f"this database has archived through offset {ledger.planned_through()}, but the"
            f" objects end at {archived}: replay into a new, empty database"
        )


def _adopt(ledger: ArchiveLedger, segment: Segment) -> None:
    planned = ledger.planned_through()
    if segment.first > planned and not ledger.plan([segment], after=planned):
        raise Conflict("another process is archiving: stop every server while you replay")
