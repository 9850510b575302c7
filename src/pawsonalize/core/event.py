"""Events of visitors, what their types mean, and the hashes by which visitors are erased."""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import attrgetter
from types import MappingProxyType
from typing import Final, TypeVar

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.words import WORDS, by_word

MAX_PROPERTIES_CHARS = 1024
MAX_IMPRESSION_ITEMS = 25
MAX_RAW_CHARS = 65_536
MAX_TYPE_LENGTH = 256
DEFAULT_EVENT_TYPE = VIEW = "view"
DEFAULT_DATASET_GROUP = "pawsonalize"
ACTIONS = "/actions"
"""Suffix of the name of a group that holds a dataset group's actions."""
RETURN_EVENT_TYPE = RETURN = "return"
"""An adopted animal comes back: the one type that speaks against an item."""
USER_KEY, SESSION_KEY = "u:", "s:"  # prefixes of texts that name a user, or a session
IMPORTED, IMPORTED_LENGTH = "import-", 39  # beginning and length of ids of imported events
USER: Final = "user"
SESSION: Final = "session"
FAVORITE, INQUIRY, APPLICATION, ADOPTION = "favorite", "inquiry", "application", "adoption"
DISLIKE = "dislike"
PICK, NO_PICK, UNPICK = "pick", "no-pick", "unpick"
# Answers to a board: an animal of it, "none of these", or a pick that is taken back. They count for
# their visitor alone.
PICKS = (PICK, NO_PICK, UNPICK)
NOTHING = ""
"""Item and animal of a `no-pick`. No id that anybody sends is empty."""
SEPARATORS = " _-./:"
_NO_SEPARATORS = str.maketrans("", "", SEPARATORS)
_MOST_KEPT = 10_000  # spellings that are looked up once; visitors may send any text


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction of a visitor (a user, a session or both) with an item."""

    event_id: str
    user_id: str | None
    session_id: str | None
    event_type: str
    item_id: str
    sent_at: int
    """Moment at which it happened, in milliseconds since 1970."""
    received_at: int
    """Moment at which it came in, in milliseconds since 1970."""
    animal_id: str | None = None
    event_value: float | None = None
    recommendation_id: str | None = None
    impression: tuple[str, ...] = ()
    properties: str | None = None
    """The text of a JSON object, at most 1,024 characters."""
    # The same ids in another dataset group are other events, users, sessions and items.
    dataset_group: str = DEFAULT_DATASET_GROUP
    raw: str | None = field(default=None, compare=False, repr=False)
    """The JSON as it came in, for the archive alone; None where it is not known, or too long."""

    @property
    def is_imported(self) -> bool:
        """True if it is a row of an imported file; sites may choose ids that look alike."""
        has_id = self.event_id.startswith(IMPORTED) and len(self.event_id) == IMPORTED_LENGTH
        return has_id and self.session_id is None

    def __post_init__(self) -> None:
        if self.user_id is None and self.session_id is None:
            raise InvalidInput("an event needs a userId or a sessionId", field="sessionId")


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its place in the log; order is `(sent_at, offset)`, offsets only grow."""

    offset: int
    event: Event


def visitor_key(user_id: str | None, session_id: str | None) -> str:
    """One text that names a visitor: its user, or its session if the user is not known."""
    return f"{SESSION_KEY}{session_id}" if user_id is None else f"{USER_KEY}{user_id}"


def digest(key: str) -> str:
    """The name of a visitor in models and their rows, by their key."""
    # 64 bits: among ten million visitors two share one with a probability of 3 in a million.
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def digest_number(digest: str) -> int:
    """The digest as a whole number of 64 bits, which may be below 0."""
    return int.from_bytes(bytes.fromhex(digest), "big", signed=True)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user, a session, or both (then the session's events count as the user's)."""

    user_id: str | None = None
    session_id: str | None = None


def owning_group(data_group: str) -> str:
    """Return the dataset group that owns stored data: its actions are under `NAME/actions`."""
    return data_group.removesuffix(ACTIONS)


def visitor_digest(kind: str, name: str) -> str:
    """The hash of an id; `kind` is USER or SESSION."""
    # It has no salt: it must still be found when nothing but the archive is left.
    text = f"{kind} {name}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).hexdigest()


def digest_of(row: LoggedEvent) -> str:
    """The visitor's hash of one event: of the user, or the session if there is none."""
    return visitor_digest(*_owner(row.event))


def visitor_digests(rows: Iterable[LoggedEvent]) -> set[str]:
    """The hashes of all visitors of the events; each visitor is hashed once."""
    return {visitor_digest(*owner) for owner in {_owner(row.event) for row in rows}}


def _owner(event: Event) -> tuple[str, str]:
    if event.user_id is None:
        return SESSION, event.session_id or ""
    return USER, event.user_id


@dataclass(frozen=True, slots=True)
class ErasedVisitors:
    """Erased visitors, each with the last offset of the log that the erasure covers."""

    # By dataset group and hash. Whoever is erased from a group is erased from its actions.
    through: Mapping[tuple[str, str], int]

    def covers(self, row: LoggedEvent) -> bool:
        """True if an erasure covers the event."""
        # Later events of the same visitor are new, and stay.
        group = owning_group(row.event.dataset_group)
        return row.offset <= self.through.get((group, digest_of(row)), 0)

    def without(self, rows: Sequence[LoggedEvent]) -> list[LoggedEvent]:
        """The events that were not erased."""
        return [row for row in rows if not self.covers(row)] if self.through else list(rows)


SYNONYMS = WORDS["events"]
"""The spellings of each meaning, as `plain_spelling` has them."""
# An event keeps the type that it was sent with; models, answers and reports see its meaning. A type
# that is not here counts as a view, under its own name.


def plain_spelling(event_type: str) -> str:
    """A type without case and separators."""
    return event_type.casefold().translate(_NO_SEPARATORS)


_MEANINGS = by_word("events", str)


@dataclass(frozen=True, slots=True)
class EventTypes:
    """Meanings of event types by their spellings: the table, and what a setting adds."""

    meanings: Mapping[str, str]
    _kept: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def with_added(cls, added: Mapping[str, str]) -> "EventTypes":
        """The table with types of a site's own; InvalidInput for a meaning there is not."""
        meanings = dict(_MEANINGS)
        for event_type, meaning in added.items():
            standard = _MEANINGS.get(plain_spelling(meaning))
            if standard is None or standard in PICKS:  # only an answer to a board names it
                raise InvalidInput(
                    f"event_types says that {event_type} means {meaning!r}: it can mean"
                    f" {', '.join(one for one in SYNONYMS if one not in PICKS)}",
                    field="event_types",
                )
            meanings[plain_spelling(event_type)] = standard
        return cls(MappingProxyType(meanings))

    def meaning(self, event_type: str) -> str:
        """Return the meaning of a type; an unknown type is its own meaning."""
        meaning = self._kept.get(event_type)
        if meaning is None:
            meaning = self.meanings.get(plain_spelling(event_type), event_type)
            if len(self._kept) < _MOST_KEPT:
                self._kept[event_type] = meaning
        return meaning

    def knows(self, event_type: str) -> bool:
        """True if the type has a meaning."""
        return plain_spelling(event_type) in self.meanings

    def spellings(self, meanings: Collection[str]) -> frozenset[str]:
        """Return all spellings of these meanings."""
        own = (plain_spelling(meaning) for meaning in meanings if not self.knows(meaning))
        return frozenset(
            (*own, *(word for word, meaning in self.meanings.items() if meaning in meanings))
        )


EventT = TypeVar("EventT")
Named = tuple[str, str | None, str | None]
"""Type, board and animal of an event."""
_NAMED: Callable[[object], Named] = attrgetter("event_type", "recommendation_id", "animal_id")


def standing(
    newest_first: Iterable[EventT], read: Callable[[EventT], Named] = _NAMED
) -> Iterator[EventT]:
    """Yield the events, newest first, without picks that an `unpick` withdrew, and without it."""
    withdrawn = set[Named]()
    # Newest first, an `unpick` comes before the pick that it withdraws.
    for event in newest_first:
        event_type, board_id, animal_id = read(event)
        if event_type == UNPICK:
            withdrawn.add((PICK, board_id, animal_id))
        elif (event_type, board_id, animal_id) not in withdrawn:
            yield event


STANDARD = EventTypes(_MEANINGS)
# No type means anything but itself: so it is with events of actions (`TAKEN`, `VIEWED`).
AS_SENT = EventTypes(MappingProxyType({}))


def new_event_id(now: int) -> str:
    """An event id for a sender that gave none; `now` in milliseconds since 1970."""
    # The moment comes first, so that new rows are at the end of the index.
    return f"{now:012x}{secrets.token_hex(10)}"
