"""Resources by name: created once, within quotas; updated by compare-and-set; listed in pages."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic

import msgspec

from pawsonalize.domain.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from pawsonalize.domain.limits import check_between
from pawsonalize.kinds.datasets import DATASET_GROUPS
from pawsonalize.kinds.dependencies import (
    check_needs,
    check_quota,
    check_unneeded,
    dataset_group_of,
    dataset_group_of_named,
)
from pawsonalize.kinds.resource import Resource, ResourceT, is_name
from pawsonalize.kinds.rows import from_row, to_row
from pawsonalize.kinds.status import UNSETTLED
from pawsonalize.storage.resources import Resources

_PAGE = 100
_UNSETTLED_MOST = 100_000
_TRIES = 20  # each time another writer got through, so no caller waits for long


@dataclass(frozen=True, slots=True)
class Registry:
    """Typed resources over the resources table; `dataset_groups` is how many there may be."""

    rows: Resources
    dataset_groups: int = DATASET_GROUPS

    def create(self, resource: ResourceT, now: int) -> ResourceT:
        """Store a new resource; AlreadyExists if its name is taken, InvalidInput if it is no name.

        NotFound names a missing resource that it needs; LimitExceeded if the quota is reached.
        """
        if not is_name(resource.name):
            raise InvalidInput(
                "a name has 1 to 128 letters, digits, - and _, and begins with a letter or digit",
                field="name",
            )
        if self.rows.get(resource.kind, resource.name) is None:
            check_needs(self.rows, resource)
            check_quota(self.rows, resource, self.dataset_groups)
        resource = msgspec.structs.replace(resource, created_at=now, updated_at=now)
        if not self.rows.create(to_row(resource)):
            raise AlreadyExists(f"there is a {resource.kind} named {resource.name} already")
        return resource

    def find(self, kind: type[ResourceT], name: str) -> ResourceT | None:
        """One resource, or None."""
        row = self.rows.get(kind.kind, name) if is_name(name) else None
        return None if row is None else from_row(row, kind)

    def get(self, kind: type[ResourceT], name: str) -> ResourceT:
        """One resource; NotFound if there is none."""
        found = self.find(kind, name)
        if found is None:
            raise NotFound(f"there is no {kind.kind} named {name}")
        return found

    def page(
        self,
        kind: type[ResourceT],
        limit: int,
        *,
        parent: str | None = None,
        before: tuple[int, str] | None = None,
    ) -> list[ResourceT]:
        """At most `limit` resources, newest first, that come after `before`: (created_at, name)."""
        if parent is not None and not is_name(parent):
            return []
        rows = self.rows.list(kind.kind, limit, parent=parent, before=before)
        return [from_row(row, kind) for row in rows]

    def unsettled(self, kind: type[ResourceT]) -> list[ResourceT]:
        """Every resource of the kind whose status will change by itself, oldest first."""
        rows = self.rows.list(kind.kind, _UNSETTLED_MOST, statuses=UNSETTLED)
        return [from_row(row, kind) for row in reversed(rows)]

    def group_of(self, resource: Resource) -> str | None:
        """The dataset group that the resource belongs to; None for what belongs to none."""
        return dataset_group_of(self.rows, resource)

    def group_of_named(self, kind: type[Resource], name: str) -> str | None:
        """The same of a resource by its name; None, too, if there is none of that name."""
        return dataset_group_of_named(self.rows, kind, name) if is_name(name) else None

    def all(self, kind: type[ResourceT], *, parent: str | None = None) -> Iterator[ResourceT]:
        """Every resource of the kind, newest first, read page by page."""
        before = None
        while page := self.page(kind, _PAGE, parent=parent, before=before):
            yield from page
            before = (page[-1].created_at, page[-1].name)

    def update(self, resource: ResourceT, now: int) -> ResourceT:
        """Replace the resource by this newer one, which carries the revision it was made from.

        Conflict if another writer was faster.
        """
        newer = self._stored(resource, now)
        if newer is None:
            raise _meanwhile(resource)
        return newer

    def change(
        self, kind: type[ResourceT], name: str, change: Callable[[ResourceT], ResourceT], now: int
    ) -> ResourceT:
        """Apply `change` to the newest state of the resource, and store the result.

        If another writer is faster, `change` is called again, so it must only compute. What it
        raises goes to the caller. If it returns the same resource, nothing changes. NotFound
        without the resource.
        """
        for _ in range(_TRIES):
            resource = self.get(kind, name)
            changed = change(resource)
            if changed is resource:
                return resource
            newer = self._stored(changed, now)
            if newer is not None:
                return newer
        raise _meanwhile(resource)

    def check_unneeded(self, resource: Resource) -> None:
        """Conflict that names what must be deleted before the resource, if anything must."""
        check_unneeded(self.rows, resource)

    def delete(self, kind: type[ResourceT], name: str) -> None:
        """Remove a resource; NotFound without it, Conflict that names what needs it."""
        for _ in range(_TRIES):
            resource = self.get(kind, name)
            self.check_unneeded(resource)
            if self.rows.delete(kind.kind, name, expected_revision=resource.revision):
                return
        raise _meanwhile(resource)

    def _stored(self, resource: ResourceT, now: int) -> ResourceT | None:
        """The resource as it replaced the revision it was made from; None if that is outdated."""
        seen = resource.revision
        newer = msgspec.structs.replace(resource, revision=seen + 1, updated_at=now)
        return newer if self.rows.update(to_row(newer), expected_revision=seen) else None


def _meanwhile(resource: Resource) -> Conflict:
    return Conflict(
        f"{resource.kind} {resource.name} was changed by somebody else meanwhile: look again"
    )


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
    check_between("limit", limit, 1, MAX_PAGE)
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
