"""Events: what a visitor did with an animal, as stored once and forever in the log."""

from dataclasses import dataclass, field

from pawsonalize.domain.errors import InvalidInput

MAX_PROPERTIES_CHARS = 1024
MAX_IMPRESSION_ITEMS = 25
MAX_RAW_CHARS = 65_536
MAX_TYPE_LENGTH = 256
DEFAULT_EVENT_TYPE = "view"
DEFAULT_DATASET_GROUP = "pawsonalize"
ACTIONS = "/actions"
"""Suffix of the name of a group that holds a dataset group's actions."""
RETURN_EVENT_TYPE = "return"
"""An adopted animal comes back: the one type that speaks against an item."""


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction of a visitor with an item.

    At least one of `user_id` and `session_id` is present.
    """

    event_id: str
    user_id: str | None
    session_id: str | None
    event_type: str
    item_id: str
    sent_at: int
    """When it happened, in milliseconds since 1970."""
    received_at: int
    """When it came in, in milliseconds since 1970."""
    animal_id: str | None = None
    event_value: float | None = None
    recommendation_id: str | None = None
    impression: tuple[str, ...] = ()
    """The ids of the items that were shown."""
    properties: str | None = None
    """The text of a JSON object, at most 1,024 characters."""
    dataset_group: str = DEFAULT_DATASET_GROUP
    """The same ids in another dataset group are other events, users, sessions and items."""
    raw: str | None = field(default=None, compare=False, repr=False)
    """The JSON as it came in, for the archive alone; None where it is not known, or too long."""

    def __post_init__(self) -> None:
        if self.user_id is None and self.session_id is None:
            raise InvalidInput("an event needs a userId or a sessionId", field="sessionId")


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its place in the log; order is `(sent_at, offset)`, offsets only grow."""

    offset: int
    event: Event


USER_KEY, SESSION_KEY = "u:", "s:"
"""Prefixes of texts that name a user, or a session."""


def visitor_key(user_id: str | None, session_id: str | None) -> str:
    """One text that names a visitor: its user, or its session if the user is not known."""
    return f"{SESSION_KEY}{session_id}" if user_id is None else f"{USER_KEY}{user_id}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user, a session, or both (then the session's events count as the user's)."""

    user_id: str | None = None
    session_id: str | None = None
