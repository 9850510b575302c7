"""Dependencies between resources, as their kinds describe them, and quotas.

A quota is checked before a resource is created. So creations at the same moment may exceed it by a
few.
"""

from collections.abc import Callable
from functools import cache

from pawsonalize.domain.errors import Conflict, LimitExceeded, NotFound
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.kind import Block, Quota
from pawsonalize.kinds.resource import Resource
from pawsonalize.kinds.rows import from_row
from pawsonalize.kinds.status import UNSETTLED, Status
from pawsonalize.storage.resources import Resources

_MANY = 1_000


def check_needs(rows: Resources, resource: Resource) -> None:
    """NotFound that names what has to be created first; Conflict if that is not ACTIVE."""
    kind = KINDS.get(type(resource))
    for need in () if kind is None else kind.needed:
        name = str(getattr(resource, need.field))
        row = rows.get(need.kind.kind, name)
        if row is None:
            raise NotFound(f"there is no {need.kind.kind} named {name}: create it first")
        if row.status != Status.ACTIVE:
            raise Conflict(f"{need.kind.kind} {name} is {row.status}: wait until it is ACTIVE")
        if need.check is not None:
            need.check(resource, from_row(row, need.kind))


@cache
def blocks_of(blocked: type[Resource]) -> tuple[tuple[type[Resource], Block], ...]:
    """The kinds that may need one of that kind, the last in the order of creation first."""
    return tuple(
        (kind.resource, block)
        for kind in reversed([*KINDS.values()])
        for block in kind.blocking
        if block.kind is blocked
    )


def check_unneeded(rows: Resources, resource: Resource) -> None:
    """Conflict that names what has to be deleted first, if anything has."""
    for kind, block in blocks_of(type(resource)):
        for row in rows.list(kind.kind, _MANY, parent=block.parent(resource)):
            if block.condition(from_row(row, kind), resource):
                raise Conflict(
                    f"{resource.kind} {resource.name} is needed by {row.kind} {row.name}:"
                    " delete that first"
                )


def dataset_group_of(rows: Resources, resource: Resource) -> str | None:
    """The dataset group; None for what belongs to none, such as a schema."""
    if isinstance(resource, DatasetGroup):
        return resource.name
    kind = type(resource)
    owner: str | None = None if kind.owner is None else getattr(resource, kind.owner)
    return owner if owner is None else _of_owner(rows, kind, owner)


def dataset_group_of_named(rows: Resources, kind: type[Resource], name: str) -> str | None:
    """The dataset group of a resource by its name; None if there is no such resource, too."""
    row = rows.get(kind.kind, name)
    if row is None or kind is DatasetGroup:
        return None if row is None else name
    return None if row.parent is None else _of_owner(rows, kind, row.parent)


def _of_owner(rows: Resources, kind: type[Resource], owner: str) -> str | None:
    while (described := KINDS.get(kind)) is not None and described.parent not in {
        None,
        DatasetGroup,
    }:
        assert described.parent is not None
        kind = described.parent
        row = rows.get(kind.kind, owner)
        if row is None or row.parent is None:
            return None
        owner = row.parent
    return owner


def check_quota(rows: Resources, resource: Resource, dataset_groups: int) -> None:
    """LimitExceeded if there are as many as there may be.

    `dataset_groups` is how many of those there may be; few more are read than are allowed.
    """
    kind = KINDS.get(type(resource))
    if kind is None or kind.quota is None:
        return
    quota = kind.quota
    limit = dataset_groups if isinstance(resource, DatasetGroup) else quota.limit
    owned = resource.owner is not None and quota.of_parent
    found = rows.list(
        kind.word,
        max(_MANY, limit),
        parent=getattr(resource, resource.owner) if resource.owner and owned else None,
        statuses=UNSETTLED if quota.in_work else (),
    )
    counts = _counting(rows, resource, quota)
    if sum(counts(from_row(row, kind.resource)) for row in found) >= limit:
        raise LimitExceeded(
            f"{limit} {kind.word}s of the dataset group are in work already: wait until one is"
            " ready"
            if quota.in_work
            else f"there may be {limit} {kind.word}s{quota.scope}: delete one first{quota.advice}"
        )


def _counting(rows: Resources, new: Resource, quota: Quota) -> Callable[[Resource], bool]:
    """Return the condition under which a resource counts against the new one's quota."""
    if quota.of_group:
        group = dataset_group_of(rows, new)
        return lambda one: dataset_group_of(rows, one) == group
    if quota.alike:
        wanted = getattr(new, quota.alike)
        return lambda one: bool(getattr(one, quota.alike) == wanted)
    return lambda _one: True
