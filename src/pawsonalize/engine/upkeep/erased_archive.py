"""Takes erased visitors out of the archive, object by object."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import LoggedEvent, digests_of
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, digest, encode
from pawsonalize.storage.archive_ledger import ArchiveIndex, ArchiveLedger, IndexedObject, Segment
from pawsonalize.storage.erasures import ErasedLookup, Trouble

_INDEXED_AT_ONCE = 100

Watch = Callable[[str], object]
"""Is told what has just been done."""


def ignore_progress(_done: str) -> None:
    """A watch that is ignored."""


@dataclass(frozen=True, slots=True)
class NamedVisitors:
    """Visitors of a dataset group whose names are known, and when they were noted for erasure."""

    dataset_group: str
    noted_at: int
    names: tuple[str, ...]


class VisitorObjects(Protocol):
    """Objects of a wing in the archive that may hold visitors."""

    def erase(
        self,
        visitors: Collection[str],
        named: Sequence[NamedVisitors] = (),
        watch: Watch = ignore_progress,
    ) -> list[Trouble]:
        """Clean the objects that hold one of the visitors, by hashes; returns what is damaged.

        And all whose size is not the known one.
        """
        ...


@dataclass(slots=True)
class _Found:
    """Result of one pass through the archive."""

    troubles: list[Trouble] = field(default_factory=list)
    is_over: bool = True
    """Whether no object changed or vanished meanwhile."""


@dataclass(frozen=True, slots=True)
class ErasedArchive:
    """The archive, as it is to be: without the events that erasures cover.

    What puts rows of the log into an object calls `written` once the object is there: somebody may
    have been erased since the rows were read.
    """

    objects: ObjectStore
    ledger: ArchiveLedger
    index: ArchiveIndex
    erased: ErasedLookup

    def written(self, key: str, size: int, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Take an object into the index; returns those of its rows that must stay.

        If they are fewer, the object is to be written again with those alone.
        """
        self.index.put([IndexedObject(key, size, digests_of(rows))])
        return self.without_erased(rows)

    def confirm(self, segment: Segment, rows: Sequence[LoggedEvent], data: bytes) -> int:
        """Record a segment's object as it was written, and return its final number of rows.

        The object may still hold events of visitors erased since the rows were read: remove those.
        """
        while True:
            self.ledger.confirm(replace(segment, rows=len(rows), sha256=digest(data)))
            kept = self.written(segment.key, len(data), rows)
            if len(kept) == len(rows):
                return len(rows)
            rows, data = kept, encode(kept)
            self.objects.replace(segment.key, data)

    def without_erased(self, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """The rows that no erasure covers; costs one look if they are newer than any."""
        if not rows or rows[0].offset > self.erased.through():
            return list(rows)
        return self.erased.find_covering(digests_of(rows)).without(rows)

    def erase(self, visitors: Collection[str], watch: Watch = ignore_progress) -> list[Trouble]:
        """Clean the objects that hold one of the visitors, by hashes; returns what is damaged.

        And all whose size is not the known one, which are new, or copies from before an erasure.
        """
        # Again: what an object held may have been joined into another one before it was cleaned.
        while not (found := self._look_through(visitors, watch)).is_over:
            pass
        return found.troubles

    def _look_through(self, visitors: Collection[str], watch: Watch) -> _Found:
        listed = dict(self.objects.sizes())
        known = self.index.sizes()
        self.index.forget(known.keys() - listed.keys())
        changed = {key for key, size in listed.items() if known.get(key) != size}
        names = [
            ObjectName.parse(key) for key in sorted(changed | self.index.objects_holding(visitors))
        ]
        segments = {one.key: one for one in self.ledger.segments()}
        found, looked_through = _Found(), list[IndexedObject]()
        for name in names:
            if name is None or name.key not in listed:
                continue
            try:
                now = self._clean(name, segments.get(name.key), watch)
                found.is_over &= now.size == listed[name.key]
                looked_through.append(now)
            except NotFound:
                found.is_over = False
            except CorruptArtefact as error:
                next_move = "bring the object back from a copy, or delete it"
                found.troubles.append(Trouble(name.key, f"{error.message}: {next_move}"))
            if len(looked_through) == _INDEXED_AT_ONCE:
                self.index.put(looked_through)
                looked_through.clear()
        self.index.put(looked_through)
        return found

    def _clean(self, name: ObjectName, segment: Segment | None, watch: Watch) -> IndexedObject:
        data = self.objects.get(name.key)
        rows = decode(name, data)
        watch("object read")
        kept = self.without_erased(rows)
        if len(kept) < len(rows):
            data = encode(kept)
            self.objects.replace(name.key, data)
            watch("object written")
        # Also when there was nothing to erase: an earlier attempt may have ended at this line.
        sha256 = digest(data)
        if segment is None or segment.sha256 not in {None, sha256}:
            self.ledger.confirm(Segment(name.first, name.last, len(kept), name.key, sha256))
            watch("object confirmed")
        return IndexedObject(name.key, len(data), digests_of(kept))
