"""Limits of dataset groups, what they have stored, and ingest over the adapters."""

import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.errors import NotFound
from pawsonalize.core.metrics import RAW_TOO_LONG, UNKNOWN_TYPES
from pawsonalize.core.times import DAY
from pawsonalize.events.ingest import EventLimits, Ingest, RawTooLong, UnknownTypes
from pawsonalize.events.tables.event_log import CountMark, GroupDays, GroupSize, GroupSizes
from pawsonalize.operations.limits import Tenants, Usage
from pawsonalize.recommend.animals.pages import check_board
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.group_limits import NO_LIMITS, GroupLimits
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion, named_types

_MODELS_SECONDS = 600.0  # to list all models takes long in a bucket


def make_tenants(adapters: Adapters) -> Tenants:
    """Return the limiter of requests by dataset group, over the adapters."""
    return Tenants(
        partial(find_limits, adapters.registry),
        Usage(GroupDays(adapters.database), clock.now),
        clock.real_now,
        adapters.settings.workers,
        reads_are_local=adapters.answers_at_once,
        idle=0 if adapters.remote is None else adapters.remote.most_waiting,
    )


class GroupSizing(msgspec.Struct):
    """Counts what each dataset group has stored.

    New events at each look, and all of them once a day, since some were deleted.
    """

    sizes: GroupSizes
    registry: Registry
    head: Callable[[], int]
    artefacts: Callable[[], Mapping[str, int]]
    _models: dict[str, int] = msgspec.field(default_factory=dict)
    _models_until: float = 0.0

    def count(self, now: int) -> None:
        """Bring the stored sizes of dataset groups up to date."""
        mark, head, known = self.sizes.mark(), self.head(), self.sizes.all()
        groups = {one.name for one in self.registry.all(DatasetGroup)}
        is_anew = mark.anew_at // DAY != now // DAY
        new = self.sizes.events_between(0 if is_anew else mark.through, head)
        models = self._model_bytes()
        changed = []
        for group in sorted(groups):
            before = known.get(group, GroupSize(group, 0, 0))
            events = new.get(group, 0) + (0 if is_anew else before.events)
            size = GroupSize(group, events, models.get(group, 0))
            if size != before:
                changed.append(size)
        gone = known.keys() - groups
        reached = CountMark(head, now if is_anew else mark.anew_at)
        if changed or gone or reached != mark:  # of several processes, the first one writes
            self.sizes.put(changed, gone, reached, expected=mark)

    def _model_bytes(self) -> dict[str, int]:
        if time.monotonic() < self._models_until:
            return self._models
        found: dict[str, int] = {}
        sizes = self.artefacts()
        for version in self.registry.all(SolutionVersion):
            group = self.registry.group_of(version)
            if version.artefact is not None and group is not None:
                found[group] = found.get(group, 0) + sizes.get(version.artefact, 0)
        self._models, self._models_until = found, time.monotonic() + _MODELS_SECONDS
        return found


def group_sizing(adapters: Adapters) -> GroupSizing:
    """Return the counter of the stored data of dataset groups, over the adapters."""
    return GroupSizing(
        GroupSizes(adapters.database),
        adapters.registry,
        adapters.log.head,
        adapters.artefacts.sizes,
    )


def find_limits(registry: Registry, dataset_group: str) -> GroupLimits:
    """Return the limits of a dataset group; NO_LIMITS if it does not exist."""
    found = registry.find(DatasetGroup, dataset_group)
    return NO_LIMITS if found is None else found.limits


def group_of(registry: Registry, named: tuple[type[Resource], str]) -> str:
    """The dataset group of a resource, by its kind and name; NotFound if it has none."""
    group = registry.group_of_named(*named)
    if group is None:
        raise NotFound(f"there is no {named[0].kind} named {named[1]}")
    return group


def make_ingest(adapters: Adapters) -> Ingest:
    """Return the ingest of events, for servers and stream consumers alike."""
    named = CachedLookup[None, dict[str, frozenset[str]]](
        lambda _: named_types(adapters.registry.all(Solution)), clock.passed
    )
    sizes = GroupSizes(adapters.database)

    def stored(group: str) -> int:
        size = sizes.of(group)  # as of the last count
        return 0 if size is None else size.events

    limits = partial(find_limits, adapters.registry)
    return Ingest(
        adapters.log,
        adapters.animals,
        reads_are_local=adapters.database.is_local,
        check=partial(check_board, adapters.impressions),
        unknown_types=UnknownTypes(
            adapters.log.event_types,
            lambda: named.find(None),
            lambda event_type: UNKNOWN_TYPES.labels(event_type).inc(),
        ),
        raw_too_long=RawTooLong(RAW_TOO_LONG.inc) if adapters.settings.archive_raw else None,
        limits=EventLimits(limits, stored, clock.real_now, adapters.settings.workers),
    )
