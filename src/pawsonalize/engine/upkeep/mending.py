"""Writes objects of the archive again that are missing or damaged, as long as the log has them.

The log does not have events as they came in. Those that the damaged object still tells are kept.
"""

from collections.abc import Iterator

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import LoggedEvent, owning_group
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, encode
from pawsonalize.engine.upkeep.erased_archive import ErasedArchive
from pawsonalize.engine.upkeep.verification import differences
from pawsonalize.storage.archive_ledger import Segment
from pawsonalize.storage.events.event_log import EventLog

_PAGE = 10_000


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
                continue  # what has left the table would be lost: a copy may still have it
            rows = {
                # Equal but for how it came in, which the log does not have.
                row.offset: readable[row.offset] if readable.get(row.offset) == row else row
                for page in _pages(log, segment)
                for row in page
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
    """The rows that the object has, by offset; none if it cannot be read."""
    name = ObjectName.parse(segment.key)
    try:
        rows = [] if name is None else decode(name, objects.get(segment.key))
    except (NotFound, CorruptArtefact):
        rows = []
    return {row.offset: row for row in rows}


def _pages(log: EventLog, segment: Segment) -> Iterator[list[LoggedEvent]]:
    after = segment.first - 1
    while page := log.read(after, segment.last, _PAGE):
        yield page
        after = page[-1].offset
