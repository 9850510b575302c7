"""Erased visitors, without their names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from pawsonalize.domain.events import ACTIONS, LoggedEvent

USER: Final = "user"
SESSION: Final = "session"


def owning_group(data_group: str) -> str:
    """The dataset group that data belong to: a group's actions lie in a group of their own."""
    return data_group.removesuffix(ACTIONS)


def visitor_digest(kind: str, name: str) -> str:
    """The hash of a user's or a session's id."""
    # It has no salt: it must still be found when nothing but the archive is left.
    text = f"{kind} {name}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).hexdigest()


def digest_of(row: LoggedEvent) -> str:
    """The hash of whoever an event belongs to: the user, or the session if there is none."""
    event = row.event
    if event.user_id is not None:
        return visitor_digest(USER, event.user_id)
    return visitor_digest(SESSION, event.session_id or "")


def digests_of(rows: Iterable[LoggedEvent]) -> set[str]:
    """The hashes of all visitors of the events; each visitor is hashed once."""
    visitors = {
        (SESSION, row.event.session_id or "")
        if row.event.user_id is None
        else (USER, row.event.user_id)
        for row in rows
    }
    return {visitor_digest(kind, name) for kind, name in visitors}


@dataclass(frozen=True, slots=True)
class ErasedVisitors:
    """Up to which offset of the log each visitor of a dataset group was erased."""

    through: Mapping[tuple[str, str], int]
    """By dataset group and hash. Whoever is erased from a group is erased from its actions."""

    def covers(self, row: LoggedEvent) -> bool:
        """Whether the event was erased. Later events of the same visitor are new, and stay."""
        group = owning_group(row.event.dataset_group)
        return row.offset <= self.through.get((group, digest_of(row)), 0)

    def without(self, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """The events that were not erased."""
        return [row for row in rows if not self.covers(row)] if self.through else list(rows)


def hash_names(kind: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name with its hash."""
    for name in names:
        yield name, visitor_digest(kind, name)
