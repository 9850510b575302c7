"""Takes erased visitors out of the archive, object by object."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import msgspec
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact, NotFound
from pawsonalize.core.event import LoggedEvent, owning_group, visitor_digests
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.events.archive.rows import ObjectName, decode, digest, encode
from pawsonalize.events.archive.tables import ArchiveIndex, ArchiveLedger, IndexedObject, Segment
from pawsonalize.events.erasure.tables import (
    ErasedLookup,
    ErasedNames,
    Erasure,
    ErasureTable,
    Trouble,
)

_FOLDER = "erasures"
_ENDING = ".json"


class ErasureNote(msgspec.Struct, frozen=True, rename="camel"):
    """Users and sessions of a dataset group, hashed; events up to the offset `through` are gone."""

    dataset_group: str
    through: int
    visitors: frozenset[str]
    noted_at: int = 0
    """0 in notes that were written before they said so."""


class ErasureNotes(msgspec.Struct, frozen=True):
    """The notes in an object store, by the ids of the erasures."""

    objects: ObjectStore

    def put(self, erasure_id: str, note: ErasureNote) -> None:
        """Write a note, in place of what its name held."""
        self.objects.replace(_key(erasure_id), msgspec.json.encode(note, order="deterministic"))

    def ids(self) -> set[str]:
        """The ids of all erasures that have a note."""
        names = (key.removeprefix(f"{_FOLDER}/") for key in self.objects.list(_FOLDER))
        return {name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)}

    def get(self, erasure_id: str) -> ErasureNote:
        """One note; CorruptArtefact if it cannot be read."""
        key = _key(erasure_id)
        try:
            return msgspec.json.decode(self.objects.get(key), type=ErasureNote)
        except msgspec.MsgspecError as error:
            raise CorruptArtefact(f"{key} cannot be read: {error}") from error


def is_erasure(key: str) -> bool:
    """True if the key is that of a note."""
    return key.startswith(f"{_FOLDER}/") and key.endswith(_ENDING)


def _key(erasure_id: str) -> str:
    return f"{_FOLDER}/{erasure_id}{_ENDING}"


def reopen_undone(table: ErasureTable, notes: ErasureNotes, now: Callable[[], int]) -> int:
    """Make the erasures due that an older copy of database or archive undid; returns how many."""
    # A note that the tables do not know becomes an erasure of theirs. An erasure that is done and
    # has lost its note is done again. CorruptArtefact names notes that cannot be read.
    known, written = table.ids(), notes.ids()
    lost = [one for one, is_done in known.items() if is_done and one not in written]
    table.reopen(lost)
    unread = []
    for erasure_id in sorted(written - known.keys()):
        try:
            note = notes.get(erasure_id)
        except CorruptArtefact as error:
            unread.append(error.message)
            continue
        group, noted_at = owning_group(note.dataset_group), note.noted_at or now()
        table.adopt(erasure_id, group, noted_at, through=note.through, visitors=note.visitors)
    if unread:
        raise CorruptArtefact("; ".join(unread))
    return len(written - known.keys()) + len(lost)


_INDEXED_AT_ONCE = 100

Watch = Callable[[str], object]
"""Is told what has just been done."""


def ignore_progress(_done: str) -> None:
    """A watch that is ignored."""


class NamedErasure(msgspec.Struct, frozen=True):
    """An erasure and the names it is about."""

    erasure: Erasure
    names: ErasedNames


class VisitorObjects(Protocol):
    """Objects of a plugin in the archive that may hold visitors."""

    def erase(
        self,
        visitors: Collection[str],
        named: Sequence[NamedErasure] = (),
        watch: Watch = ignore_progress,
    ) -> list[Trouble]:
        """Clean the objects that hold one of the visitors, by hashes, or have changed."""


class ErasedArchive(msgspec.Struct, frozen=True):
    """The archive, as it is to be: without the events that erasures cover."""

    objects: ObjectStore
    ledger: ArchiveLedger
    index: ArchiveIndex
    erased: ErasedLookup

    def written(self, key: str, size: int, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """Take an object into the index; returns those of its rows that it may keep."""
        self.index.put([IndexedObject(key, size, visitor_digests(rows))])
        # Somebody may have been erased since the rows were read.
        return self.without_erased(rows)

    def confirm(self, segment: Segment, rows: Sequence[LoggedEvent], data: bytes) -> int:
        """Record a segment's object, without visitors erased since; return its rows' number."""
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
        return self.erased.find_covering(visitor_digests(rows)).without(rows)

    def erase(self, visitors: Collection[str], watch: Watch = ignore_progress) -> list[Trouble]:
        """Clean the objects that hold one of the visitors, by hashes; returns what is damaged."""
        # Again: what an object held may have been joined into another one before it was cleaned.
        while (troubles := self._look_through(visitors, watch)) is None:
            pass
        return troubles

    def _look_through(self, visitors: Collection[str], watch: Watch) -> list[Trouble] | None:
        """Clean the objects once; None if an object changed or vanished meanwhile."""
        listed = {one.key: one.size for one in self.objects.stored()}
        known = self.index.sizes()
        self.index.forget(known.keys() - listed.keys())
        # New ones, or copies from before an erasure.
        changed = {key for key, size in listed.items() if known.get(key) != size}
        names = [
            ObjectName.parse(key) for key in sorted(changed | self.index.objects_holding(visitors))
        ]
        segments = {one.key: one for one in self.ledger.segments()}
        troubles, looked_through, is_over = list[Trouble](), list[IndexedObject](), True
        for name in names:
            if name is None or name.key not in listed:
                continue
            try:
                now = self._clean(name, segments.get(name.key), watch)
                is_over &= now.size == listed[name.key]
                looked_through.append(now)
            except NotFound:
                is_over = False
            except CorruptArtefact as error:
                next_move = "bring the object back from a copy, or delete it"
                troubles.append(Trouble(name.key, f"{error.message}: {next_move}"))
            if len(looked_through) == _INDEXED_AT_ONCE:
                self.index.put(looked_through)
                looked_through.clear()
        self.index.put(looked_through)
        return troubles if is_over else None

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
        return IndexedObject(name.key, len(data), visitor_digests(kept))
