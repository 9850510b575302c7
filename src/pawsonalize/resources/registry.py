"""Resources by name: created once, within quotas; updated by compare-and-set; listed in pages."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache
from types import MappingProxyType
from typing import Any, Generic

import msgspec

from pawsonalize.core.errors import (
    AlreadyExists,
    Conflict,
    CorruptArtefact,
    InvalidInput,
    LimitExceeded,
    NotFound,
)
from pawsonalize.core.limits import check_between, match_cursor
from pawsonalize.resources.campaigns import Campaign, CampaignUpdate, Recommender, check_influence
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.datasets import DATASET_GROUPS, DatasetGroup
from pawsonalize.resources.kind import (
    UNSETTLED,
    AnyKind,
    Block,
    Quota,
    Resource,
    ResourceT,
    Status,
    is_name,
)
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.resources.tables import ResourceRow, Resources

MAX_PAGE = 100
_COLUMNS = ("name", "status", "failure_reason", "created_at", "updated_at", "revision")
_MANY = 1_000
_UNSETTLED_MOST = 100_000
_TRIES = 20  # each time another writer got through, so no caller waits for long
_CURSOR = re.compile(r"(\d{1,15})\.([A-Za-z0-9][A-Za-z0-9_-]{0,127})", re.ASCII)


# A quota is checked before a resource is created. So creations at the same moment may exceed it by
# a few.
@cache
def blocks_of(blocked: type[Resource]) -> tuple[tuple[type[Resource], Block], ...]:
    """The kinds that may need one of that kind, the last in the order of creation first."""
    return tuple(
        (kind.resource, block)
        for kind in reversed([*KINDS.values()])
        for block in kind.blocking
        if block.kind is blocked
    )


class ResourcePage(msgspec.Struct, Generic[ResourceT], frozen=True):
    """Resources, newest first, and the cursor of the next page, None on the last."""

    resources: tuple[ResourceT, ...]
    next_cursor: str | None


class Registry(msgspec.Struct, frozen=True):
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
        kind = KINDS.get(type(resource))
        # A name that is taken is the first thing to say, and is said below.
        if kind is not None and self.rows.get(resource.kind, resource.name) is None:
            self._check_needs(kind, resource)
            if kind.quota is not None:
                self._check_quota(kind, kind.quota, resource)
        resource = msgspec.structs.replace(resource, created_at=now, updated_at=now)
        if not self.rows.create(to_row(resource)):
            raise AlreadyExists(f"there is a {resource.kind} named {resource.name} already")
        return resource

    def ensure(self, new: ResourceT, now: int) -> ResourceT:
        """Return the stored resource of that kind and name; create it if it is missing."""
        with suppress(AlreadyExists):  # another process was faster
            return self.find(type(new), new.name) or self.create(new, now)
        return self.get(type(new), new.name)

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

    def unsettled(self, kind: type[ResourceT]) -> list[ResourceT]:
        """Every resource of the kind whose status will change by itself, oldest first."""
        rows = self.rows.list(kind.kind, _UNSETTLED_MOST, statuses=UNSETTLED)
        return [from_row(row, kind) for row in reversed(rows)]

    def group_of(self, resource: Resource) -> str | None:
        """The dataset group that the resource belongs to; None for what belongs to none."""
        if isinstance(resource, DatasetGroup):
            return resource.name
        owner = None if resource.owner is None else getattr(resource, resource.owner)
        return None if owner is None else self._group_of_owner(type(resource), owner)

    def group_of_named(self, kind: type[Resource], name: str) -> str | None:
        """The dataset group of a resource by its name; None, too, if there is no such resource."""
        row = self.rows.get(kind.kind, name) if is_name(name) else None
        if row is None or kind is DatasetGroup:
            return None if row is None else name
        return None if row.parent is None else self._group_of_owner(kind, row.parent)

    def page(
        self,
        kind: type[ResourceT],
        limit: int,
        *,
        parent: str | None = None,
        before: tuple[int, str] | None = None,
        without: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> list[ResourceT]:
        """At most `limit` resources, newest first, that come after `before`: (created_at, name).

        `without` has values of columns, as `Resources.list`.
        """
        if parent is not None and not is_name(parent):
            return []
        rows = self.rows.list(kind.kind, limit, parent=parent, before=before, without=without)
        return [from_row(row, kind) for row in rows]

    def all(self, kind: type[ResourceT], *, parent: str | None = None) -> Iterator[ResourceT]:
        """Every resource of the kind, newest first, read page by page."""
        before = None
        while page := self.page(kind, MAX_PAGE, parent=parent, before=before):
            yield from page
            before = (page[-1].created_at, page[-1].name)

    def unlisted(self, kind: type[Resource]) -> frozenset[str]:
        """Names that are in no list of the kind: campaigns that are a recommender's."""
        recommenders = self.all(Recommender) if kind is Campaign else ()
        return frozenset(one.served_by for one in recommenders)

    def listed(self, kind: type[ResourceT], *, parent: str | None = None) -> list[ResourceT]:
        """Every resource of the kind but the unlisted, newest first."""
        unlisted = self.unlisted(kind)
        return [one for one in self.all(kind, parent=parent) if one.name not in unlisted]

    def update(self, resource: ResourceT, now: int) -> ResourceT:
        """Replace the revision that it was made from; Conflict if another was faster."""
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

    def assign(self, kind: type[ResourceT], name: str, now: int, **values: object) -> ResourceT:
        """Give fields of the newest state of the resource these values, as `change` does."""
        return self.change(kind, name, lambda one: msgspec.structs.replace(one, **values), now)

    def check_unneeded(self, resource: Resource) -> None:
        """Conflict that names what must be deleted before the resource, if anything must."""
        for kind, block in blocks_of(type(resource)):
            for row in self.rows.list(kind.kind, _MANY, parent=block.parent(resource)):
                if block.condition(from_row(row, kind), resource):
                    raise Conflict(
                        f"{resource.kind} {resource.name} is needed by {row.kind} {row.name}:"
                        " delete that first"
                    )

    def delete(self, kind: type[ResourceT], name: str) -> None:
        """Remove a resource; NotFound without it, Conflict that names what needs it."""
        for _ in range(_TRIES):
            resource = self.get(kind, name)
            self.check_unneeded(resource)
            if self.rows.delete(kind.kind, name, expected_revision=resource.revision):
                return
        raise _meanwhile(resource)

    def _check_needs(self, kind: AnyKind, resource: Resource) -> None:
        """NotFound that names what has to be created first; Conflict if that is not ACTIVE."""
        for need in kind.needed:
            name = str(getattr(resource, need.field))
            row = self.rows.get(need.kind.kind, name)
            if row is None:
                raise NotFound(f"there is no {need.kind.kind} named {name}: create it first")
            if row.status != Status.ACTIVE:
                raise Conflict(f"{need.kind.kind} {name} is {row.status}: wait until it is ACTIVE")
            if need.check is not None:
                need.check(resource, from_row(row, need.kind))

    def _check_quota(self, kind: AnyKind, quota: Quota, resource: Resource) -> None:
        unlisted = self.unlisted(kind.resource)
        if resource.name in unlisted:
            return
        limit = self.dataset_groups if isinstance(resource, DatasetGroup) else quota.limit
        found = self.rows.list(
            kind.word,
            max(_MANY, limit),
            parent=getattr(resource, resource.owner)
            if resource.owner and quota.of_parent
            else None,
            statuses=UNSETTLED if quota.in_work else (),
            without={"name": unlisted},
        )
        others: Iterator[Resource] = (from_row(row, kind.resource) for row in found)
        if quota.of_group:
            group = self.group_of(resource)
            others = (one for one in others if self.group_of(one) == group)
        elif quota.alike:
            wanted = getattr(resource, quota.alike)
            others = (one for one in others if getattr(one, quota.alike) == wanted)
        if sum(1 for _ in others) >= limit:
            raise LimitExceeded(
                f"{limit} {kind.word}s of the dataset group are in work already: wait until one is"
                " ready"
                if quota.in_work
                else f"there may be {limit} {kind.word}s{quota.scope}: delete one first"
                f"{quota.advice}"
            )

    def _group_of_owner(self, kind: type[Resource], owner: str) -> str | None:
        """Return the dataset group of a resource of the kind that belongs to that owner."""
        while (described := KINDS.get(kind)) and described.parent not in {None, DatasetGroup}:
            assert described.parent is not None
            kind = described.parent
            row = self.rows.get(kind.kind, owner)
            if row is None or row.parent is None:
                return None
            owner = row.parent
        return owner

    def _stored(self, resource: ResourceT, now: int) -> ResourceT | None:
        """The resource as it replaced the revision it was made from; None if that is outdated."""
        seen = resource.revision
        newer = msgspec.structs.replace(resource, revision=seen + 1, updated_at=now)
        return newer if self.rows.update(to_row(newer), expected_revision=seen) else None


def to_row(resource: Resource) -> ResourceRow:
    """The resource as it is stored."""
    names = msgspec.structs.fields(resource)
    fields = {one.encode_name: getattr(resource, one.name) for one in names}
    columns = {name: fields.pop(name) for name in _COLUMNS}
    return ResourceRow(
        kind=resource.kind,
        parent=None if resource.owner is None else fields[resource.owner],
        body=msgspec.json.encode(fields, order="deterministic").decode(),
        **columns,
    )


def from_row(row: ResourceRow, kind: type[ResourceT]) -> ResourceT:
    """The stored resource; CorruptArtefact if the row is not one of its kind."""
    try:
        fields = msgspec.json.decode(row.body, type=dict[str, Any])
        columns = {name: getattr(row, name) for name in _COLUMNS}
        return msgspec.convert(fields | columns, kind)
    except msgspec.MsgspecError as error:
        raise CorruptArtefact(f"{row.kind} {row.name} cannot be read: {error}") from error


def _meanwhile(resource: Resource) -> Conflict:
    return Conflict(
        f"{resource.kind} {resource.name} was changed by somebody else meanwhile: look again"
    )


def resource_page(
    registry: Registry,
    kind: type[ResourceT],
    limit: int,
    *,
    parent: str | None = None,
    cursor: str | None = None,
    without: Mapping[str, Collection[str]] | None = None,
) -> ResourcePage[ResourceT]:
    """One page of a kind; InvalidInput for a limit outside 1…100 or a cursor of somebody else."""
    check_between("limit", limit, 1, MAX_PAGE)
    before = None
    if cursor is not None:
        match = match_cursor(_CURSOR, cursor)
        before = int(match[1]), match[2]
    # One more than asked for tells whether there is a next page.
    if without is None:
        without = {"name": registry.unlisted(kind)}
    found = registry.page(kind, limit + 1, parent=parent, before=before, without=without)
    shown = tuple(found[:limit])
    more = f"{shown[-1].created_at}.{shown[-1].name}" if len(found) > limit else None
    return ResourcePage(shown, more)


CALLED_OFF = "rolled back before it was served"


# The old version serves on until the first server has loaded the new one, serves it and settles the
# update. If it cannot, the update has failed and nothing has changed.
class Campaigns:
    """Updates and rollbacks of campaigns."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def get(self, name: str) -> Campaign:
        """One campaign; NotFound if there is none."""
        return self._registry.get(Campaign, name)

    def find(self, name: str) -> Campaign | None:
        """One campaign, or None."""
        return self._registry.find(Campaign, name)

    def create(self, campaign: Campaign, version: str | None, now: int) -> Campaign:
        """Store a campaign, whose first update is CREATE PENDING; raises as `update`."""
        # Without a version it waits for the first one from a training or a retraining.
        self._check(campaign, version)
        if version is not None:
            update = CampaignUpdate(solution_version=version, requested_at=now)
            campaign = msgspec.structs.replace(campaign, latest_update=update)
        return self._registry.create(campaign, now)

    def update(
        self,
        name: str,
        version: str | None,
        now: int,
        *,
        expected_revision: int | None = None,
        **settings: object,
    ) -> Campaign:
        """Ask for another version, or other settings; the update is CREATE PENDING.

        Without a version, the served one stays; a campaign that serves none yet keeps the settings
        for its first. Nothing changes if the version is already served or asked for. Conflict if
        the campaign is not at `expected_revision` or the version is not ACTIVE; InvalidInput for
        settings that do not suit the version's recipe.
        """

        def wanted(campaign: Campaign) -> Campaign:
            if expected_revision not in {None, campaign.revision}:
                raise Conflict(
                    f"campaign {name} was updated by somebody else meanwhile: look again"
                )
            target = version or campaign.target_version
            updated = msgspec.structs.replace(campaign, **settings)
            self._check(updated, target)
            latest = campaign.latest_update
            failed = latest is not None and latest.status is Status.CREATE_FAILED
            # The same again begins no new update, unless the last one failed.
            if target == campaign.target_version and not settings and not failed:
                return campaign
            if target is None:
                return updated
            update = CampaignUpdate(solution_version=target, requested_at=now)
            return msgspec.structs.replace(updated, latest_update=update)

        return self._registry.change(Campaign, name, wanted, now)

    def rollback(self, name: str, now: int) -> Campaign:
        """Return to the version before; servers have it loaded and follow at their next look.

        An update that is not settled is cancelled instead. Conflict if there is no version before.
        """
        # One that a remote engine trained is an update there, which takes its time.
        campaign = self.get(name)
        if campaign.pending is not None and campaign.solution_version is not None:
            return self.refuse(campaign, CALLED_OFF, now)
        if campaign.previous_version is None:
            raise Conflict(f"campaign {name} has served no other version to go back to")
        before = self._registry.find(SolutionVersion, campaign.previous_version)
        if before is not None and before.remote is not None:  # it has to go live there first
            return self.update(name, before.name, now, expected_revision=campaign.revision)
        back = CampaignUpdate(solution_version=campaign.previous_version, requested_at=now)
        return self.settle(msgspec.structs.replace(campaign, latest_update=back), now)

    def settle(
        self,
        campaign: Campaign,
        now: int,
        *,
        sustained_tps: float | None = None,
        warning: str | None = None,
    ) -> Campaign:
        """Settle an update: the server that serves the new version calls this."""
        update = campaign.latest_update
        assert update is not None
        done = msgspec.structs.replace(
            update, status=Status.ACTIVE, settled_at=now, warning=warning
        )
        other = update.solution_version != campaign.solution_version
        served = msgspec.structs.replace(
            campaign,
            solution_version=update.solution_version,
            previous_version=campaign.solution_version if other else campaign.previous_version,
            latest_update=done,
            sustained_tps=sustained_tps,
        )
        return self._registry.update(served, now)

    def refuse(self, campaign: Campaign, reason: str, now: int) -> Campaign:
        """Mark the update as failed; the campaign goes on with what it served."""
        assert campaign.latest_update is not None
        failed = msgspec.structs.replace(
            campaign.latest_update,
            status=Status.CREATE_FAILED,
            failure_reason=reason,
            settled_at=now,
        )
        return self._registry.update(msgspec.structs.replace(campaign, latest_update=failed), now)

    def _check(self, campaign: Campaign, version: str | None) -> None:
        """Conflict if the campaign cannot serve the version, InvalidInput if not in this way."""
        if version is None:
            solution = self._registry.find(Solution, campaign.solution)
            if solution is not None:  # else the registry says what is missing
                check_influence(solution.recipe, campaign)
            return
        wanted = self._registry.get(SolutionVersion, version)
        if wanted.status is not Status.ACTIVE:
            raise Conflict(f"solution version {version} cannot be served: it is {wanted.status}")
        if wanted.solution != campaign.solution:
            raise Conflict(
                f"campaign {campaign.name} serves solution {campaign.solution}, and {version} is"
                f" one of {wanted.solution}"
            )
        check_influence(wanted.recipe, campaign)
