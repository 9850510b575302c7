"""Rebuilds an empty log from the archive alone."""

from collections.abc import Callable

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import Conflict, CorruptArtefact
from pawsonalize.engine.resources.job_table import Progress, silent
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, digest, encode
from pawsonalize.engine.upkeep.erased_archive import ErasedArchive
from pawsonalize.engine.upkeep.erasures import ErasureNotes, ReturningCopies
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment
from pawsonalize.storage.erasures import ErasureTable
from pawsonalize.storage.event_log import EventLog


def replay(
    log: EventLog,
    archive: ErasedArchive,
    erasures: ErasureTable,
    now: Callable[[], int],
    on_progress: Progress = silent,
) -> int:
    """Restore every archived event at its old offset, but for erased ones; returns how many.

    The objects are found by listing them. The ledger learns of those it does not know, so that
    archiving goes on after them. Conflict if the log is not empty; CorruptArtefact names an
    object that is damaged, and what came before it is then restored. `on_progress` gets the
    objects done and their total.
    """
    ledger, objects = archive.ledger, archive.objects
    names = _in_log_order(objects)
    _refuse_unless_empty(log, ledger, names)
    # First: an object from before an erasure, out of a backup say, must not undo it.
    ReturningCopies(erasures, ErasureNotes(objects), now).look()
    restored = 0
    for done, name in enumerate(names, start=1):
        data = objects.get(name.key)
        rows = decode(name, data)
        kept = archive.without_erased(rows)
        if len(kept) < len(rows):
            rows, data = kept, encode(kept)
            objects.replace(name.key, data)
        segment = Segment(name.first, name.last, len(rows), name.key, digest(data))
        # Before the rows: an archiver that runs meanwhile must not plan them anew.
        _adopt(ledger, segment)
        archive.written(name.key, len(data), rows)
        log.restore(rows)
        restored += len(rows)
        on_progress(done, len(names))
    erasures.apply(now())
    return restored


def _in_log_order(objects: ObjectStore) -> list[ObjectName]:
    parsed = (ObjectName.parse(key) for key in objects.list())
    names = sorted((name for name in parsed if name is not None), key=lambda name: name.first)
    last = 0
    for name in names:
        if not last < name.first <= name.last:
            raise CorruptArtefact(
                f"{name.key} overlaps the object before it: the folder mixes two archives; move"
                " the objects of one of them away"
            )
        last = name.last
    return names


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
