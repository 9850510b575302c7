"""Notes of erasures, which lie in the archive: so nobody comes back with an older copy.

A note has no names. It holds hashes of ids, and how far the log went when it was made. Later events
of the same user are new, and stay.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.events import owning_group
from pawsonalize.storage.erasures import ErasureTable

_FOLDER = "erasures"
_ENDING = ".json"


class ErasureNote(msgspec.Struct, frozen=True, rename="camel"):
    """Users and sessions of a dataset group, hashed; events up to the offset `through` are gone."""

    dataset_group: str
    through: int
    visitors: frozenset[str]
    noted_at: int = 0
    """0 in notes that were written before they said so."""


@dataclass(frozen=True, slots=True)
class ErasureNotes:
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
    """Whether the key is that of a note."""
    return key.startswith(f"{_FOLDER}/") and key.endswith(_ENDING)


def _key(erasure_id: str) -> str:
    return f"{_FOLDER}/{erasure_id}{_ENDING}"


@dataclass(frozen=True, slots=True)
class ReturningCopies:
    """Finds out whether the database or the archive is older than an erasure."""

    table: ErasureTable
    notes: ErasureNotes
    now: Callable[[], int]

    def look(self) -> int:
        """Make the erasures due that a copy undid; returns how many. Else it costs two lists.

        A note that the tables do not know becomes an erasure of theirs. An erasure that is done and
        has lost its note is done again in the archive.
        CorruptArtefact names notes that cannot be read; the others are taken.
        """
        known, written = self.table.ids(), self.notes.ids()
        lost = [one for one, is_done in known.items() if is_done and one not in written]
        self.table.reopen(lost)
        unread = []
        for erasure_id in sorted(written - known.keys()):
            try:
                self._adopt(erasure_id)
            except CorruptArtefact as error:
                unread.append(error.message)
        if unread:
            raise CorruptArtefact("; ".join(unread))
        return len(written - known.keys()) + len(lost)

    def _adopt(self, erasure_id: str) -> None:
        note = self.notes.get(erasure_id)
        self.table.adopt(
            erasure_id,
            owning_group(note.dataset_group),
            note.noted_at or self.now(),
            through=note.through,
            visitors=note.visitors,
        )
