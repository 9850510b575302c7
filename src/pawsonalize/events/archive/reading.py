"""Reads the archive's events while the archive is in use, by the time at which they came in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from pawsonalize.core.errors import (
    CorruptArtefact,
    InvalidInput,
    NotFound,
    StorageUnavailable,
    needing,
)
from pawsonalize.core.event import LoggedEvent, owning_group
from pawsonalize.core.objects.store import ObjectStore, sync, whole_file
from pawsonalize.core.plugin import added
from pawsonalize.events.archive.rows import ObjectName, decode, digest, encode
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.erasure.erased_archive import ErasedArchive, is_erasure
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.job_table import Progress, silent

_GROUP_BYTES = 32_000_000  # of Arrow memory, which become one row group of the file
_AT_ONCE = 10_000  # events
_TEXTS = ("event_id", "user_id", "session_id", "event_type", "item_id")
_MORE_TEXTS = ("properties", "dataset_group", "raw")

Write = Callable[[Sequence[LoggedEvent]], int]
"""Takes events; returns how many those were."""


def check_parquet() -> None:
    """InvalidInput if what writes Parquet is not installed."""
    import_pyarrow()


@contextmanager
def parquet_file(path: Path) -> Iterator[Write]:
    """Takes events while the block runs; the file is in its place when it ends without an error.

    Without any event there is no file then, nor one of before. Times are UTC with milliseconds,
    `impression` is a list, all other columns are plain.
    """
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path, replaces=True) as file, _writing(file) as write:

            def counted(rows: Sequence[LoggedEvent]) -> int:
                nonlocal written
                written += len(rows)
                for start in range(0, len(rows), _AT_ONCE):
                    write(rows[start : start + _AT_ONCE])
                return len(rows)

            yield counted
        if not written:
            path.unlink()
            with suppress(OSError):  # a folder that holds something else stays
                path.parent.rmdir()
        else:
            sync(path.parent)
    except OSError as error:
        raise StorageUnavailable(
            f"{path} cannot be written ({error.strerror}): check that its disk has space and its"
            " folder is writable"
        ) from error


@contextmanager
def _writing(file: object) -> Iterator[Callable[[Sequence[LoggedEvent]], None]]:
    arrow = import_pyarrow()
    schema = _schema(arrow)
    names = [name for name in schema.names if name != "offset"]
    with arrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        waiting: list[Any] = []

        def flush() -> None:
            if waiting:
                writer.write_table(arrow.concat_tables(waiting))
                waiting.clear()

        def write(rows: Sequence[LoggedEvent]) -> None:
            columns = {name: [getattr(row.event, name) for row in rows] for name in names}
            columns["offset"] = [row.offset for row in rows]
            waiting.append(arrow.Table.from_pydict(columns, schema=schema))
            if sum(table.nbytes for table in waiting) >= _GROUP_BYTES:
                flush()

        yield write
        flush()


def _schema(arrow: Any) -> Any:
    text, moment = arrow.string(), arrow.timestamp("ms", tz="UTC")
    return arrow.schema(
        [
            arrow.field("offset", arrow.int64(), nullable=False),
            *((name, text) for name in _TEXTS),
            arrow.field("sent_at", moment, nullable=False),
            arrow.field("received_at", moment, nullable=False),
            ("animal_id", text),
            ("event_value", arrow.float64()),
            ("recommendation_id", text),
            ("impression", arrow.list_(text)),
            *((name, text) for name in _MORE_TEXTS),
        ]
    )


def import_pyarrow() -> Any:
    """Return the module, with its reader of files; InvalidInput names the extra."""
    with needing("parquet", "Parquet needs pyarrow", "parquet"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    return pyarrow


class Period(msgspec.Struct, frozen=True):
    """Moments from `since` on and before `until`; None: without a bound."""

    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidInput("the time range is empty: --since must lie before --until")

    def holds(self, row: LoggedEvent) -> bool:
        """True if the event came in then."""
        at = row.event.received_at
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def touches(self, name: ObjectName) -> bool:
        """True if an object may have events of it."""
        begins_in_time = self.until is None or name.begins < self.until
        return begins_in_time and (self.since is None or name.ends > self.since)


ALWAYS = Period()


class ArchiveReader(msgspec.Struct, frozen=True):
    """Reads the objects that the ledger names, one at a time, without erased visitors."""

    archive: ErasedArchive
    period: Period = ALWAYS

    def segments(self, after: int = 0) -> list[Segment]:
        """The written segments beyond an offset that may have events of the period."""
        return [
            segment
            for segment in self.archive.ledger.segments(after)
            if segment.sha256 is not None
            and (name := ObjectName.parse(segment.key)) is not None
            and self.period.touches(name)
        ]

    def rows(self, segment: Segment, after: int = 0) -> list[LoggedEvent]:
        """A segment's events of the period beyond an offset; NotFound or CorruptArtefact."""
        name = ObjectName.parse(segment.key)
        assert name is not None
        rows = decode(name, self.archive.objects.get(segment.key))
        wanted = [row for row in rows if row.offset > after and self.period.holds(row)]
        return self.archive.without_erased(wanted)

    def in_log_order(
        self, on_progress: Progress, damaged: list[str]
    ) -> Iterator[Sequence[LoggedEvent]]:
        """The events, object by object; `damaged` gets the reasons why objects cannot be read."""
        after = done = 0
        waiting = self.segments()
        while waiting:
            segment, *waiting = waiting
            try:
                rows = self.rows(segment, after)
            except (NotFound, CorruptArtefact) as error:
                if not self.archive.ledger.has(segment):
                    waiting = self.segments(after)  # it was joined to others meanwhile
                    continue
                damaged.append(error.message)
                rows = []
            yield rows
            after, done = segment.last, done + 1
            on_progress(done, done + len(waiting))


FILE = "events.parquet"


class _ReadAgain(Exception):
    """The objects that were read have changed: some were joined, or a visitor was erased."""


class Exported(msgspec.Struct, frozen=True):
    """Counts of what was written."""

    events: int
    files: int


class ArchiveExport(msgspec.Struct):
    """Writes `day=2026-11-24/events.parquet` below a folder, in place of what is there."""

    reader: ArchiveReader
    folder: Path
    dataset_group: str | None = None  # with its actions; None: all
    on_progress: Progress = silent
    _done: int = 0
    _total: int = 0

    def write(self) -> Exported:
        """Write day after day; NotFound or CorruptArtefact names an object that cannot be read."""
        check_parquet()
        days = self._days()
        self._total = sum(len(segments) for segments in days.values())
        counts = [self._day(day, segments) for day, segments in days.items()]
        return Exported(sum(counts), sum(map(bool, counts)))

    def _days(self) -> dict[str, list[Segment]]:
        days: dict[str, list[Segment]] = {}
        for segment in sorted(self.reader.segments(), key=lambda one: one.first):
            name = ObjectName.parse(segment.key)
            assert name is not None
            days.setdefault(name.day, []).append(segment)
        return dict(sorted(days.items()))

    def _day(self, day: str, segments: Sequence[Segment]) -> int:
        path = self.folder / f"day={day.replace('/', '-')}" / FILE
        before = self._done
        while True:
            try:
                return self._write(path, segments)
            except _ReadAgain:
                segments, self._done = self._days().get(day, []), before

    def _write(self, path: Path, segments: Sequence[Segment]) -> int:
        erased = self.reader.archive.erased
        last_noted, written = erased.last_noted(), 0
        with parquet_file(path) as write:
            # One object is in memory at a time.
            for segment in segments:
                written += write(self._rows(segment))
                self._done += 1
                self.on_progress(self._done, self._total)
            # No file has anybody who was erased before it was finished.
            if erased.last_noted() != last_noted:
                raise _ReadAgain
        return written

    def _rows(self, segment: Segment) -> list[LoggedEvent]:
        try:
            rows, group = self.reader.rows(segment), self.dataset_group
            if group is None:
                return rows
            return [row for row in rows if owning_group(row.event.dataset_group) == group]
        except NotFound as error:
            if self.reader.archive.ledger.has(segment):
                raise
            raise _ReadAgain from error


class ArchiveFinding(msgspec.Struct, frozen=True):
    """Something that is wrong with one object."""

    key: str
    problem: str


# Rows with offsets above `planned_through`, up to `head`, await the next archiving.
class Verification(msgspec.Struct, frozen=True):
    """Counts of objects and findings; `pending` segments are planned, not written."""

    objects: int
    rows: int
    pending: int
    planned_through: int
    head: int
    findings: tuple[ArchiveFinding, ...]


# Offsets have gaps: a write that was rolled back leaves one, and so does an erased user. So the
# check is on rows. Every row of the log up to a segment's last offset lies in exactly one segment,
# and the segment's object holds it unchanged. Rows that left the log, or that a replay left out,
# are in the archive alone; up to the last one that a replay left out or read anew, the log may
# differ.
def verify(
    log: EventLog, ledger: ArchiveLedger, objects: ObjectStore, on_progress: Progress = silent
) -> Verification:
    """Compare every object with the ledger and the log; safe while servers run."""
    head = log.head()
    segments = ledger.segments()
    findings: list[ArchiveFinding] = []
    after = 0
    for done, segment in enumerate(segments, start=1):
        if segment.first <= after:
            findings.append(ArchiveFinding(segment.key, f"overlaps offsets up to {after}"))
        if segment.sha256 is not None:
            problems = list(differences(log, objects, segment, after))
            if problems and ledger.has(segment):  # else it was joined to others meanwhile
                findings += [ArchiveFinding(segment.key, problem) for problem in problems]
        after = segment.last
        on_progress(done, len(segments))
    unknown = unknown_objects(ledger, objects)
    findings += [ArchiveFinding(key, "is not in the ledger") for key in unknown]
    written = [segment for segment in segments if segment.sha256 is not None]
    return Verification(
        objects=len(written),
        rows=sum(segment.rows for segment in written),
        pending=len(segments) - len(written),
        planned_through=after,
        head=head,
        findings=tuple(findings),
    )


def differences(log: EventLog, objects: ObjectStore, segment: Segment, after: int) -> Iterator[str]:
    """Return what is wrong with an object that holds the log's rows since the segment before it."""
    name = ObjectName.parse(segment.key)
    try:
        data = objects.get(segment.key)
        if digest(data) != segment.sha256:
            yield "its bytes differ from those that were written (SHA-256)"
        if name is None or (name.first, name.last) != (segment.first, segment.last):
            yield "its name does not fit the ledger's offsets"
            return
        rows = decode(name, data)
    except NotFound:
        yield "is missing"
        return
    except CorruptArtefact as error:
        yield error.message
        return
    if len(rows) != segment.rows:
        yield f"holds {len(rows)} rows where the ledger counts {segment.rows}"
    yield from _differences(rows, log, after, segment.last)


def _differences(
    archived: list[LoggedEvent], log: EventLog, after: int, through: int
) -> Iterator[str]:
    held = {row.offset: row.event for row in archived}
    missing, changed = [], []
    for row in log.read_all(after, through):
        event = held.pop(row.offset, None)
        if event is None:
            missing.append(row.offset)
        elif event != row.event:
            changed.append(row.offset)
    forgotten = log.forgotten_through()  # not before: rows may be leaving right now
    early = log.left_early()
    kept = (
        one
        for one, event in held.items()
        if one > max(forgotten, early.get(owning_group(event.dataset_group), 0))
    )
    for problem, offsets in {
        "lacks rows that the log has": missing,
        "has rows that differ from the log's": [one for one in changed if one > forgotten],
        "has rows erased from the log or of another segment": list(kept),
    }.items():
        if offsets:
            yield f"{problem}: {len(offsets)}, the first at offset {offsets[0]}"


def unknown_objects(ledger: ArchiveLedger, objects: ObjectStore) -> list[str]:
    """The objects of events that the ledger has no word of."""
    apart = (is_erasure, *added("archive_keys"))
    listed = sorted(key for key in objects.list() if not any(one(key) for one in apart))
    # Read after the listing: an object is planned before it is written.
    known = {segment.key for segment in ledger.segments()} | set(ledger.leftovers())
    return [key for key in listed if key not in known]


def mend(log: EventLog, archive: ErasedArchive) -> list[str]:
    """Write them again from the log; returns their keys. Those that began to leave it stay so."""
    ledger, objects, start = archive.ledger, archive.objects, log.forgotten_through()
    early = log.left_early()
    mended = []
    for segment in ledger.segments(start):
        if segment.sha256 is None or segment.first <= start:
            continue
        if any(differences(log, objects, segment, segment.first - 1)):
            readable = _readable(objects, segment)
            if not readable and segment.first <= max(early.values(), default=0):
                continue  # rows that left the table would be lost: a copy may still have them
            rows = {
                # Equal but for how it came in, which the log does not have.
                row.offset: readable[row.offset] if readable.get(row.offset) == row else row
                for row in log.read_all(segment.first - 1, segment.last)
            }
            rows |= {  # those are in the archive alone
                offset: row
                for offset, row in readable.items()
                if offset <= early.get(owning_group(row.event.dataset_group), 0)
            }
            whole = [rows[offset] for offset in sorted(rows)]
            data = encode(whole)
            objects.replace(segment.key, data)
            archive.confirm(segment, whole, data)
            mended.append(segment.key)
    return mended


def _readable(objects: ObjectStore, segment: Segment) -> dict[int, LoggedEvent]:
    name = ObjectName.parse(segment.key)
    with suppress(NotFound, CorruptArtefact):
        rows = [] if name is None else decode(name, objects.get(segment.key))
        return {row.offset: row for row in rows}
    return {}
