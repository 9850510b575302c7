"""Resources: their names, states, times and revisions; new identifiers.

    CREATE PENDING ─► CREATE IN_PROGRESS ─► ACTIVE ─► DELETE PENDING ─► DELETE IN_PROGRESS
          │                   │
          └───────────────────┼─► CREATE FAILED
                              └─► CREATE STOPPING ─► CREATE STOPPED

The states are Amazon Personalize's. A failed or stopped resource may be deleted, or be CREATE
PENDING again. A recommender may also rest and go on: ACTIVE ◄─► INACTIVE.
"""

import re
import secrets
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import msgspec

from pawsonalize.core.errors import Conflict
from pawsonalize.core.times import iso

_48_BITS = 2**48 - 1
_62_BITS = 2**62 - 1


def new_event_id(now: int) -> str:
    """An event id for a sender that gave none; `now` in milliseconds since 1970."""
    # The moment comes first, so that new rows are at the end of the index.
    return f"{now:012x}{secrets.token_hex(10)}"


def new_recommendation_id(now: int) -> str:
    """The id of one answer: `RID-` and a UUID of version 7 (RFC 9562); `now` in milliseconds."""
    return _recommendation_id(now & _48_BITS, secrets.randbits(74))


def first_recommendation_id(moment: int) -> str:
    """The least id of an answer that may be given at that moment, in milliseconds since 1970."""
    return _recommendation_id(moment & _48_BITS, 0)


def _recommendation_id(moment: int, random: int) -> str:
    # 48 bits of time, the version, 12 bits of chance, the variant, 62 bits of chance (RFC 9562).
    bits = moment << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & _62_BITS
    text = f"{bits:032x}"
    return f"RID-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_tracking_id() -> str:
    """A secret that lets a site send events into a dataset group."""
    return secrets.token_hex(16)


def new_resource_name(of: str, now: int) -> str:
    """The name of a resource without a given name, `of-20260517T093000000Z-1f2e3d`."""
    stamp = iso(now).translate(str.maketrans("", "", "-:."))
    return f"{of}-{stamp}-{secrets.token_hex(3)}"


class Status(StrEnum):
    """The state of a resource in its life."""

    CREATE_PENDING = "CREATE PENDING"
    CREATE_IN_PROGRESS = "CREATE IN_PROGRESS"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    CREATE_FAILED = "CREATE FAILED"
    CREATE_STOPPING = "CREATE STOPPING"
    CREATE_STOPPED = "CREATE STOPPED"
    DELETE_PENDING = "DELETE PENDING"
    DELETE_IN_PROGRESS = "DELETE IN_PROGRESS"

    @property
    def is_settled(self) -> bool:
        """True if it stays so until a new request."""
        return self in {Status.ACTIVE, Status.INACTIVE, Status.CREATE_FAILED, Status.CREATE_STOPPED}

    def may_become(self, other: "Status") -> bool:
        """True if the drawing above has an arrow to that status."""
        return other in _NEXT[self]


UNSETTLED = tuple(status for status in Status if not status.is_settled)
"""The states that end by themselves."""

_ENDS = frozenset({Status.CREATE_FAILED, Status.CREATE_STOPPING})
_NEXT: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.CREATE_PENDING: _ENDS | {Status.CREATE_IN_PROGRESS},
        Status.CREATE_IN_PROGRESS: _ENDS | {Status.ACTIVE},
        Status.ACTIVE: frozenset({Status.DELETE_PENDING, Status.INACTIVE}),
        Status.INACTIVE: frozenset({Status.DELETE_PENDING, Status.ACTIVE}),
        Status.CREATE_FAILED: frozenset({Status.CREATE_PENDING, Status.DELETE_PENDING}),
        Status.CREATE_STOPPING: frozenset({Status.CREATE_STOPPED}),
        Status.CREATE_STOPPED: frozenset({Status.CREATE_PENDING, Status.DELETE_PENDING}),
        Status.DELETE_PENDING: frozenset({Status.DELETE_IN_PROGRESS}),
        Status.DELETE_IN_PROGRESS: frozenset(),
    }
)


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A named resource. Moments are milliseconds since 1970; the registry writes them.

    `kind` is its kind in words; `owner` is the field that names the resource it belongs to. `tags`
    are the operator's. `extras` are fields of the creating request that the engine does not use:
    the door stores them to return them.
    """

    kind: ClassVar[str]
    owner: ClassVar[str | None] = None

    name: str
    status: Status = Status.ACTIVE
    failure_reason: str | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1
    tags: Mapping[str, str] = {}
    # Rows that are stored already have it by this name.
    extras: Mapping[str, Any] = msgspec.field(default_factory=dict, name="asked")


ResourceT = TypeVar("ResourceT", bound=Resource)


def moved(resource: ResourceT, status: Status, **changes: Any) -> ResourceT:
    """The resource in another status, without an earlier failure; Conflict if it may not follow."""
    if not resource.status.may_become(status):
        raise Conflict(f"{resource.kind} {resource.name} is {resource.status}, so not now")
    return msgspec.structs.replace(
        resource, **{"status": status, "failure_reason": None, **changes}
    )


def is_name(name: str) -> bool:
    """True if a resource may have this name."""
    # It is also a folder's, and part of a path.
    return _NAME.fullmatch(name) is not None
