"""What was erased, kept beside the archive so that a copy of its objects cannot bring it back.

An erasure names nobody: it holds hashes of ids, and how far the log went when it was made. Events
that come later from the same user are new, and stay.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from pawsonalize.archive.base import ObjectStore
from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.events import LoggedEvent

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
