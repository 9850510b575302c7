"""Dataset groups as the tenants of one installation: health and use of each."""

from collections.abc import Iterable
from enum import StrEnum
from itertools import chain

import msgspec

from pawsonalize.app.adapters import Adapters
from pawsonalize.core.http.json import report_of
from pawsonalize.core.times import DAY, SECOND, iso
from pawsonalize.events.tables.event_log import DayCounts, GroupDays, GroupSize, GroupSizes
from pawsonalize.operations.services import Services
from pawsonalize.resources.access_keys import AccessKey
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.registry import Registry, resource_page
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.retraining.runs import Fate, Runs

REPORTED_DAYS = 14
_NEAR = 0.9  # of a limit: then it is worth a word
_EPOCH = "1970-01-01"
_NEWEST_RUNS = 50  # looked through for the newest of each group: one run may be of many


class TenantHealth(StrEnum):
    """Health of a tenant."""

    GOOD = "good"
    IDLE = "idle"
    """It serves no model, and nothing is wrong."""
    ATTENTION = "attention"
    """Something is wrong, or near a limit."""


class LastRetraining(msgspec.Struct, frozen=True, rename="camel"):
    """The newest retraining run that had to do with a dataset group."""

    run_id: str
    started_at: str
    ended_at: str | None
    outcome: str
    """Of this dataset group's campaigns; `running` before it is known."""
    reason: str


class UsageDay(msgspec.Struct, frozen=True, rename="camel"):
    """Use of one day of UTC."""

    day: str
    requests: int
    refused: int
    answer_seconds: float
    events: int
    events_refused: int
    trainings: int
    training_seconds: float


class LimitUse(msgspec.Struct, frozen=True, rename="camel"):
    """A limit, by its name, and what is used of it.

    `most` is null where there is no limit, `used` where that is not counted.
    """

    name: str
    most: int | None
    used: int | None

    @property
    def share(self) -> float:
        """The used part, 0 to 1."""
        if self.used is None or self.most is None:
            return 0.0
        return min(self.used / self.most, 1.0) if self.most else 1.0

    @property
    def is_near(self) -> bool:
        """True if little is left."""
        return self.share >= _NEAR


class TenantCampaign(msgspec.Struct, frozen=True, rename="camel"):
    """A campaign, and the model that it serves; null while it serves none."""

    name: str
    recipe: str
    solution_version: str | None


class TenantKey(msgspec.Struct, frozen=True, rename="camel"):
    """An access key that is for this dataset group alone, without its secret."""

    name: str
    note: str
    scopes: tuple[str, ...]
    last_used_at: str | None
    expires_at: str | None


class TenantSummary(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A dataset group, how it is, and what it used today."""

    name: str
    created_at: str
    health: TenantHealth
    notes: tuple[str, ...]
    """Reasons of the health."""
    today: UsageDay
    stored_events: int
    model_bytes: int
    limits: tuple[LimitUse, ...]
    last_retraining: LastRetraining | None


class TenantReport(TenantSummary, frozen=True, rename="camel", kw_only=True):
    """All of one dataset group."""

    retrain_schedule: str | None
    event_days: int | None
    weight: int
    campaigns: tuple[TenantCampaign, ...]
    keys: tuple[TenantKey, ...]
    days: tuple[UsageDay, ...]
    """The last days that something was used on, newest first."""


class TenantPage(msgspec.Struct, frozen=True, rename="camel"):
    """Dataset groups, newest first; `nextCursor` fetches the next page and is null on the last."""

    tenants: list[TenantSummary]
    next_cursor: str | None


class TenantReports:
    """Reports on dataset groups."""

    def __init__(self, adapters: Adapters) -> None:
        self._registry = adapters.registry
        self._days = GroupDays(adapters.database)
        self._sizes = GroupSizes(adapters.database)
        self._problems = adapters.problems
        self._runs = adapters.runs

    def page(self, limit: int, cursor: str | None, now: int) -> TenantPage:
        """Return a page of dataset groups, newest first."""
        found = resource_page(self._registry, DatasetGroup, limit, cursor=cursor)
        today = now // DAY
        counts = {one.dataset_group: one for one in self._days.between(today, today)}
        sizes, served = self._sizes.all(), _campaigns(self._registry)
        runs = _last_retrainings(self._runs)
        problems = [one.name for one in self._problems.standing(now)]
        tenants = [
            _summary(
                group,
                counts.get(group.name, DayCounts(group.name, today)),
                sizes.get(group.name, GroupSize(group.name, 0, 0)),
                served.get(group.name, ()),
                runs.get(group.name),
                problems,
            )
            for group in found.resources
        ]
        return TenantPage(tenants, found.next_cursor)

    def report(self, name: str, now: int) -> TenantReport:
        """Return the report of a dataset group; NotFound if there is none of that name."""
        group = self._registry.get(DatasetGroup, name)
        today = now // DAY
        days = self._days.between(today - REPORTED_DAYS + 1, today, name)
        campaigns = _campaigns(self._registry, name).get(name, ())
        summary = _summary(
            group,
            next((one for one in days if one.day == today), DayCounts(name, today)),
            self._sizes.of(name) or GroupSize(name, 0, 0),
            campaigns,
            _last_retrainings(self._runs).get(name),
            [one.name for one in self._problems.standing(now)],
        )
        return TenantReport(
            **msgspec.structs.asdict(summary),
            retrain_schedule=group.limits.retrain_schedule,
            event_days=group.limits.event_days,
            weight=group.limits.weight,
            campaigns=campaigns,
            keys=tuple(
                report_of(TenantKey, one) for one in self._registry.all(AccessKey, parent=name)
            ),
            days=tuple(map(_usage_day, days)),
        )

    def usage(self, name: str, days: int, now: int) -> list[UsageDay]:
        """Return the use of the last days, newest first; NotFound without the dataset group."""
        self._registry.get(DatasetGroup, name)
        today = now // DAY
        return [_usage_day(one) for one in self._days.between(today - days + 1, today, name)]


def _campaigns(
    registry: Registry, group: str | None = None
) -> dict[str, tuple[TenantCampaign, ...]]:
    found: dict[str, list[TenantCampaign]] = {}
    solutions = {one.name: one for one in registry.all(Solution, parent=group)}
    parents = (None,) if group is None else tuple(solutions)
    for one in chain.from_iterable(registry.listed(Campaign, parent=parent) for parent in parents):
        if (solution := solutions.get(one.solution)) is not None:
            served = TenantCampaign(one.name, solution.recipe, one.solution_version)
            found.setdefault(solution.dataset_group, []).append(served)
    return {name: tuple(sorted(some, key=lambda one: one.name)) for name, some in found.items()}


def _usage_day(counts: DayCounts) -> UsageDay:
    return report_of(
        UsageDay,
        counts,
        day=iso(counts.day * DAY)[: len(_EPOCH)],
        answer_seconds=counts.answer_ms / SECOND,
        training_seconds=counts.training_ms / SECOND,
    )


def _summary(
    group: DatasetGroup,
    today: DayCounts,
    size: GroupSize,
    campaigns: tuple[TenantCampaign, ...],
    run: LastRetraining | None,
    problems: Iterable[str],
) -> TenantSummary:
    limits = tuple(_uses(group, today, size))
    wrong = [f"{one.name} is nearly used up" for one in limits if one.is_near and one.share < 1]
    wrong += [f"{one.name} is used up" for one in limits if one.share >= 1]
    wrong += _refused(today.refused, "request") + _refused(today.events_refused, "event")
    wrong += ["the last retraining failed"] if run is not None and run.outcome == "failed" else []
    names = {one.name for one in campaigns}
    # A problem of a model ends with the name of its campaign.
    wrong += [one for one in problems if one.rpartition("campaign ")[2] in names]
    serves = any(one.solution_version is not None for one in campaigns)
    health = TenantHealth.ATTENTION if wrong else TenantHealth.GOOD if serves else TenantHealth.IDLE
    return report_of(
        TenantSummary,
        group,
        health=health,
        notes=tuple(wrong) or (() if serves else ("no model is served yet",)),
        today=_usage_day(today),
        stored_events=size.events,
        model_bytes=size.model_bytes,
        limits=limits,
        last_retraining=run,
    )


def _refused(count: int, noun: str) -> list[str]:
    were = f"1 {noun} was" if count == 1 else f"{count:,} {noun}s were"
    return [f"{were} refused today"] if count else []


def _uses(group: DatasetGroup, today: DayCounts, size: GroupSize) -> Iterable[LimitUse]:
    limits = group.limits
    for name, most, used in (
        ("requests a minute", limits.requests_per_minute, None),
        ("events a minute", limits.events_per_minute, None),
        ("events today", limits.events_per_day, today.events),
        ("stored events", limits.stored_events, size.events),
        ("trainings today", limits.trainings_per_day, today.trainings),
    ):
        yield LimitUse(name, most, used)


def _last_retrainings(runs: Runs) -> dict[str, LastRetraining]:
    found: dict[str, LastRetraining] = {}
    for record in runs.newest(_NEWEST_RUNS):
        for half in record.halves:
            if half.dataset_group not in found:
                outcome = "running" if half.fate is Fate.OPEN else half.fate
                found[half.dataset_group] = report_of(
                    LastRetraining, record, outcome=outcome, reason=half.reason
                )
    return found


def started(adapters: Adapters, _services: Services) -> TenantReports:
    """Return the reports, which operations and pages share."""
    return TenantReports(adapters)
