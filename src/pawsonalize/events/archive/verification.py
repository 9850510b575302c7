"""Checks the archive against its ledger and the log, row by row."""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from pawsonalize.core.errors import CorruptArtefact, NotFound
from pawsonalize.core.event import LoggedEvent, owning_group
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.plugin import added
from pawsonalize.events.archive.rows import ObjectName, decode, digest, encode
from pawsonalize.events.archive.tables import ArchiveLedger, Segment
from pawsonalize.events.erasure.erased_archive import ErasedArchive, is_erasure
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.job_table import Progress, silent


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
