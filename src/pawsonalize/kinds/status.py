"""The states of a resource, as Amazon Personalize names them.

    CREATE PENDING ─► CREATE IN_PROGRESS ─► ACTIVE ─► DELETE PENDING ─► DELETE IN_PROGRESS
          │                   │
          └───────────────────┼─► CREATE FAILED
                              └─► CREATE STOPPING ─► CREATE STOPPED

What failed or was stopped may be deleted, or be CREATE PENDING again. A recommender may also
rest and go on: ACTIVE ◄─► INACTIVE.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Where a resource is in its life."""

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
        """Whether it stays so until a new request."""
        return self in {
            Status.ACTIVE,
            Status.INACTIVE,
            Status.CREATE_FAILED,
            Status.CREATE_STOPPED,
        }

    def may_become(self, other: "Status") -> bool:
        """Whether the drawing above has an arrow to that status."""
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
