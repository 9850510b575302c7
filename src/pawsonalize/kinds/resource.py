"""What every resource has: a name, a status, its times and a revision."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from pawsonalize.domain.errors import Conflict
from pawsonalize.kinds.status import Status

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A named resource. Moments are milliseconds since 1970; the registry writes them.

    `kind` is its kind in words; `owner` is the field that names the resource it belongs to. `tags`
    are the operator's. `asked` are fields of the creating request that the engine does not use; the
    door stores them to return them.
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
    asked: Mapping[str, Any] = {}


ResourceT = TypeVar("ResourceT", bound=Resource)


def moved(resource: ResourceT, status: Status, **changes: Any) -> ResourceT:
    """The resource in another status; Conflict if that status may not follow.

    An earlier failure is forgotten, unless `changes` give a new `failure_reason`.
    """
    if not resource.status.may_become(status):
        raise Conflict(f"{resource.kind} {resource.name} is {resource.status}, so not now")
    return msgspec.structs.replace(
        resource, **{"status": status, "failure_reason": None, **changes}
    )


def is_name(name: str) -> bool:
    """Whether a resource may have this name: it is also a folder's and part of a path."""
    return _NAME.fullmatch(name) is not None
