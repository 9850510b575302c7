"""Resources in pages, newest first, with a cursor that arrivals and updates do not disturb."""

import re
from dataclasses import dataclass
from typing import Generic

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.resource import ResourceT

MAX_PAGE = 100
_CURSOR = re.compile(r"(\d{1,15})\.([A-Za-z0-9][A-Za-z0-9_-]{0,127})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResourcePage(Generic[ResourceT]):
    """Resources, newest first, and the cursor of the next page, None on the last."""

    resources: tuple[ResourceT, ...]
    next_cursor: str | None


def resource_page(
    registry: Registry,
    kind: type[ResourceT],
    limit: int,
    *,
    parent: str | None = None,
    cursor: str | None = None,
) -> ResourcePage[ResourceT]:
    """One page of a kind; InvalidInput for a limit outside 1…100 or a cursor of somebody else."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"limit must be from 1 to {MAX_PAGE}", field="limit")
    before = None if cursor is None else _position(cursor)
    # One more than asked for tells whether there is a next page.
    found = registry.page(kind, limit + 1, parent=parent, before=before)
    shown = tuple(found[:limit])
    if len(found) <= limit:
        return ResourcePage(shown, None)
    return ResourcePage(shown, f"{shown[-1].created_at}.{shown[-1].name}")


def _position(cursor: str) -> tuple[int, str]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("cursor is not one this service gave: leave it out", field="cursor")
    return int(match[1]), match[2]
