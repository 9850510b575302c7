"""Erases users, from the archive too, and keeps notes so that a copy brings nobody back.

A note has no names: it holds hashes of ids, and how far the log went when it was made. Later events
of the same user are new, and stay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import LoggedEvent
from pawsonalize.engine.upkeep.archived_rows import ObjectName, decode, digest, encode
from pawsonalize.storage.archive_ledger import ArchiveLedger, Segment

FOLDER = "erasures"


class Erasure(msgspec.Struct, frozen=True, rename="camel"):
    """Users and sessions of a dataset group, hashed; events up to the offset `through` are gone."""

    dataset_group: str
    through: int
    visitors: frozenset[str]

    @classmethod
    def of(
        cls, dataset_group: str, through: int, user_ids: Iterable[str], sessions: Iterable[str]
    ) -> "Erasure":
        """The erasure of these users and of their sessions."""
        hashed = {_hashed("user", user) for user in user_ids}
        return cls(
            dataset_group, through, frozenset(hashed | {_hashed("session", s) for s in sessions})
        )

    def covers(self, row: LoggedEvent) -> bool:
        """Whether the event is one of those that were erased."""
        event = row.event
        if row.offset > self.through or event.dataset_group != self.dataset_group:
            return False
        if event.user_id is not None:
            return _hashed("user", event.user_id) in self.visitors
        return (
            event.session_id is not None and _hashed("session", event.session_id) in self.visitors
        )


@dataclass(frozen=True, slots=True)
class Erasures:
    """The erasures that lie in an object store."""

    objects: ObjectStore

    def add(self, name: str, erasure: Erasure) -> None:
        """Write one down, before anything is erased."""
        self.objects.replace(_key(name), msgspec.json.encode(erasure, order="deterministic"))

    def all(self) -> list[Erasure]:
        """Every one; CorruptArtefact names one that cannot be read."""
        return [self._read(key) for key in sorted(self.objects.list(FOLDER))]

    def _read(self, key: str) -> Erasure:
        try:
            return msgspec.json.decode(self.objects.get(key), type=Erasure)
        except msgspec.MsgspecError as error:
            raise CorruptArtefact(f"{key} cannot be read: {error}") from error


def is_erasure(key: str) -> bool:
    """Whether the key is that of an erasure."""
    return key.startswith(f"{FOLDER}/")


def _key(name: str) -> str:
    return f"{FOLDER}/{name}.json"


def _hashed(kind: str, name: str) -> str:
    return blake2b(f"{kind} {name}".encode(), digest_size=16).hexdigest()


def erase_archived(objects: ObjectStore, ledger: ArchiveLedger, erasures: Sequence[Erasure]) -> int:
    """Write what holds erased events again without them; returns how many events those were.

    The ledger learns the new bytes. Interrupted, it is done again from the beginning.
    """
    erased, vanished = 0, False
    segments = {segment.key: segment for segment in ledger.segments()}
    for key in sorted(objects.list()):
        name = ObjectName.parse(key)
        if name is None:
            continue
        try:
            rows = decode(name, objects.get(key))
        except NotFound:  # by now a larger object holds its rows
            vanished = True
            continue
        kept = without(rows, erasures)
        if len(kept) == len(rows):
            continue
        data = encode(kept)
        objects.replace(key, data)
        segment = segments.get(key)
        if segment is None or segment.sha256 is not None:  # else the archiver still writes it
            ledger.confirm(Segment(name.first, name.last, len(kept), key, digest(data)))
        erased += len(rows) - len(kept)
    return erased + (erase_archived(objects, ledger, erasures) if vanished else 0)


def without(rows: Sequence[LoggedEvent], erasures: Sequence[Erasure]) -> list[LoggedEvent]:
    """The events that no erasure covers."""
    return [row for row in rows if not any(one.covers(row) for one in erasures)]
