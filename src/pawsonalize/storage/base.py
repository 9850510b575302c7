"""The storage port: what the engine asks of the tables.

Every method may raise StorageUnavailable; what a failed call was given is then not stored, and
what was stored before is intact. Moments are milliseconds since 1970.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pawsonalize.domain.event_types import EventTypes
from pawsonalize.domain.events import Event, LoggedEvent, Visitor
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.domain.stays import Stay
from pawsonalize.recipes.contract import Arrays, Card


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a visitor's history: events strictly before `(sent_at, offset)` follow it."""

    sent_at: int
    offset: int


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which part of a history, newest first. `since` is inclusive, `until` exclusive."""

    limit: int
    before: Position | None = None
    event_type: str | None = None
    since: int | None = None
    until: int | None = None


# (item_id, event_type, sent_at, event_value): what scoring needs of a past event, and no more.
RecentEvent = tuple[str, str, int, float | None]


@dataclass(frozen=True, slots=True)
class Touched:
    """How many events an item had, and when the first of them was sent."""

    events: int
    first_sent_at: int


class EventLog(Protocol):
    """The events table: append-only, offsets strictly growing in commit order.

    There is one log of all dataset groups: `append`, `head`, `count`, `read` and `restore` are of
    all.
    What is asked of visitors, items and event ids is of one dataset group, and so is `erase`.
    """

    @property
    def event_types(self) -> EventTypes:
        """What the types of its events mean; an event keeps the type it was sent with."""
        ...

    def of(self, dataset_group: str) -> "EventLog":
        """The same log, asked of another dataset group."""
        ...

    def append(self, events: Sequence[Event]) -> list[bool]:
        """Store events in order, durably, in one transaction: all of them or none.

        Returns one flag per event: True if stored, False if its dataset group had its event id
        before (in the table or earlier in the same call). An event with user and session binds the
        session to the user; the first user of a session keeps it.
        """
        ...

    def head(self) -> int:
        """The highest offset ever given, 0 for an empty log."""
        ...

    def count(self) -> int:
        """How many events there are, of all dataset groups. Reads the whole log."""
        ...

    def types(self) -> dict[tuple[str, str], int]:
        """How many events each dataset group has of each type, as sent. Reads the whole log."""
        ...

    def contains(self, event_id: str) -> bool:
        """Whether an event of that id is stored."""
        ...

    def recent(self, visitor: Visitor, at: int, limit: int) -> list[RecentEvent]:
        """The visitor's newest events with `sent_at <= at`, newest first."""
        ...

    def history(self, visitor: Visitor, query: HistoryQuery) -> list[LoggedEvent]:
        """The visitor's events, newest first: the user's own and those of bound sessions."""
        ...

    def read(self, after: int, through: int, limit: int) -> list[LoggedEvent]:
        """The log itself: events with `after < offset <= through` in offset order."""
        ...

    def outcomes(self, after: int, limit: int) -> list[LoggedEvent]:
        """Events with `after < offset` that name the recommendation they came of, in order."""
        ...

    def restore(self, events: Sequence[LoggedEvent]) -> None:
        """Write events at given offsets, as an archive replay does; the offsets must be free."""
        ...

    def training_rows(
        self, through: int, until: int, after: int = 0
    ) -> Iterator[Sequence["TrainingRow"]]:
        """Batches of events with `after < offset <= through` and `sent_at <= until`, in order."""
        ...

    def bound(self, after: int, through: int) -> dict[str, str]:
        """Sessions that events with `after < offset <= through` name beside a user: whose each is.

        So those that were bound in that part of the log are among them.
        """
        ...

    def touched(self, after: int, through: int) -> dict[str, Touched]:
        """What items had of the events with `after < offset <= through`; others are left out."""
        ...

    def user_ids(self, after: str, limit: int) -> list[str]:
        """Users who have events, by id: at most `limit` of those that come after `after`."""
        ...

    def sessions_of(self, user_ids: Sequence[str]) -> list[str]:
        """The sessions that are bound to one of the users."""
        ...

    def erase_users(self, user_ids: Sequence[str]) -> int:
        """Delete the users' events, their sessions and those sessions' anonymous events.

        In one transaction; returns how many events those were.
        """
        ...

    def erase(self, ids_like: str | None = None) -> int:
        """Delete the dataset group's events and sessions, and return how many events those were.

        With `ids_like`, only events whose ids begin so, and no sessions. In several transactions:
        who reads meanwhile may find some of them.
        """
        ...


# (visitor key, item_id, event_type, sent_at, event_value, properties). The key is `u:` + user id,
# the bound user's where the session has one, else `s:` + session id.
TrainingRow = tuple[str, str, str, int, float | None, str | None]
Value = str | float | None


@dataclass(frozen=True, slots=True)
class Item:
    """A catalogue entry; attribute values are text, numbers or null, by upper-case name."""

    item_id: str
    attributes: Mapping[str, Value]
    created_at: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A user's attributes, by upper-case name."""

    user_id: str
    attributes: Mapping[str, Value]


class Catalogue(Protocol):
    """Items and users datasets, the schemas that describe them, and what was available.

    All of one dataset group. Animals belong to the default one.
    """

    def of(self, dataset_group: str) -> "Catalogue":
        """The catalogue of another dataset group."""
        ...

    def put_items(self, items: Sequence[Item]) -> None:
        """Insert or replace, in one transaction."""
        ...

    def put_users(self, users: Sequence[User]) -> None:
        """Insert or replace, in one transaction."""
        ...

    def items(self) -> Iterator[Item]:
        """Every item, by id."""
        ...

    def item(self, item_id: str) -> Item | None:
        """One item, or None."""
        ...

    def user(self, user_id: str) -> User | None:
        """One user, or None."""
        ...

    def users(self) -> Iterator[User]:
        """Every user that is described, by id."""
        ...

    def item_count(self) -> int:
        """How many items there are."""
        ...

    def user_count(self) -> int:
        """How many users are described."""
        ...

    def erase_items(self) -> int:
        """Delete every item, and return how many those were."""
        ...

    def erase_users(self) -> int:
        """Delete every user's attributes, and return how many users those were."""
        ...

    def forget_users(self, user_ids: Sequence[str]) -> int:
        """Delete these users' attributes, and return how many users those were."""
        ...

    def stays(self, until: int) -> Iterator[Stay]:
        """When animals of each item were available: stays that had begun, by animal and time."""
        ...

    def put_schema(self, schema: Schema) -> None:
        """Remember the schema of its dataset."""
        ...

    def schema(self, dataset: DatasetType) -> Schema | None:
        """The schema of the dataset, None if none was given yet."""
        ...


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A named resource as it is stored: who it belongs to, its state, and the rest as JSON.

    A name is unique within its kind. `revision` is 1 when it is created and grows by 1 with each
    update.
    """

    kind: str
    name: str
    parent: str | None
    status: str
    body: str
    failure_reason: str | None
    created_at: int
    updated_at: int
    revision: int = 1


class Resources(Protocol):
    """The resources table."""

    def create(self, row: ResourceRow) -> bool:
        """Store a new resource; False if its name is taken."""
        ...

    def get(self, kind: str, name: str) -> ResourceRow | None:
        """One resource, or None."""
        ...

    def list(
        self,
        kind: str,
        limit: int,
        *,
        parent: str | None = None,
        before: tuple[int, str] | None = None,
    ) -> list[ResourceRow]:
        """Resources of a kind, newest first: those that come after `before`, a (created_at, name).

        With `parent`, only those that belong to it.
        """
        ...

    def update(self, row: ResourceRow, *, expected_revision: int) -> bool:
        """Compare and set: replace the resource if its revision is as expected, else False."""
        ...

    def delete(self, kind: str, name: str, *, expected_revision: int) -> bool:
        """Remove the resource if its revision is as expected, else False."""
        ...


class ArtefactStore(Protocol):
    """Where the arrays and cards of trained models lie."""

    def save(self, name: str, card: Card, arrays: Arrays) -> str:
        """Store an artefact, whole or not at all, and return its location."""
        ...

    def load(self, location: str) -> tuple[Card, Arrays]:
        """Read an artefact; arrays are read-only and shared between processes.

        Raises CorruptArtefact when it is missing or unreadable.
        """
        ...

    def locations(self, prefix: str) -> list[str]:
        """Where the artefacts lie whose name begins so, in order of name; whole ones alone."""
        ...

    def remove(self, location: str) -> None:
        """Delete an artefact; one that is not there is no error."""
        ...

    def sweep(self) -> int:
        """Delete what writers that died halfway left behind, and return how many that were."""
        ...
