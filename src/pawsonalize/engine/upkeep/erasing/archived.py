"""Erasing from the archive: objects that hold an erased event are written again without it."""

from collections.abc import Sequence
from dataclasses import replace

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.engine.upkeep.archiving.naming import ObjectName
from pawsonalize.engine.upkeep.archiving.rows import decode, digest, encode
from pawsonalize.engine.upkeep.erasing.erasures import Erasure
from pawsonalize.storage.archive_ledger import ArchiveLedger


def erase_archived(objects: ObjectStore, ledger: ArchiveLedger, erasures: Sequence[Erasure]) -> int:
    """Write what holds erased events again without them; returns how many events those were.

    The ledger learns the new bytes. Interrupted, it is done again from the beginning.
    """
    erased = 0
    segments = {segment.key: segment for segment in ledger.segments()}
    for key in sorted(objects.list()):
        name = ObjectName.parse(key)
        if name is None:
            continue
        rows = decode(name, objects.get(key))
        kept = without(rows, erasures)
        if len(kept) == len(rows):
            continue
        data = encode(kept)
        objects.replace(key, data)
        if (segment := segments.get(key)) is not None and segment.sha256 is not None:
            ledger.confirm(replace(segment, rows=len(kept), sha256=digest(data)))
        erased += len(rows) - len(kept)
    return erased


def without(rows: Sequence[LoggedEvent], erasures: Sequence[Erasure]) -> list[LoggedEvent]:
    """The events that no erasure covers."""
    return [row for row in rows if not any(one.covers(row) for one in erasures)]
