"""The console of a running server: its views, over the adapters."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pawsonalize import __version__, clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import at_the_moment
from pawsonalize.app.background import Task
from pawsonalize.app.checks import CheckedService, CheckPlace, examine, needing_attention
from pawsonalize.app.disk_forecast import forecast
from pawsonalize.app.doctor import checks as all_checks
from pawsonalize.app.intake_checks import newest_event_at
from pawsonalize.app.model_checks import models_in_use
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.roles import SERVE
from pawsonalize.domain.times import MINUTE, SECOND, iso
from pawsonalize.engine.serving.directory import entries, readiness
from pawsonalize.engine.serving.served import Loader
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import AccessKeys
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animal_list import StockList
from pawsonalize.storage.animals.animals import Animals
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.storage.events.event_reads import EventTail
from pawsonalize.storage.events.impressions import Impressions
from pawsonalize.storage.servers import Servers
from pawsonalize.wing import offered
from pawsonalize.wings.console.animals import InventoryViews
from pawsonalize.wings.console.events import EventViews
from pawsonalize.wings.console.models import ModelReports
from pawsonalize.wings.console.outcomes import OutcomeReports
from pawsonalize.wings.console.overview import (
    CampaignFreshness,
    ConsoleFinding,
    DiskReport,
    OverviewReports,
)
from pawsonalize.wings.console.quality import QualityViews, suspected_bots
from pawsonalize.wings.console.runs import RunReports
from pawsonalize.wings.console.service import ServiceViews, settings_in_force
from pawsonalize.wings.console.traffic import SAMPLE_SECONDS, TrafficHistory, read_counts
from pawsonalize.wings.console.visitors import VisitorViews

_FINDINGS_KEPT = 10 * SECOND
_CAMPAIGNS = 50


@dataclass(frozen=True, slots=True)
class Console:
    """The views that the pages of the console and their JSON show, and access keys."""

    overview: OverviewReports
    runs: RunReports
    models: ModelReports
    outcomes: OutcomeReports
    inventory: InventoryViews
    visitors: VisitorViews
    events: EventViews
    quality: QualityViews
    service: ServiceViews
    keys: AccessKeys

    @classmethod
    def of(cls, wings: Mapping[str, Any]) -> "Console":
        """Return the console, among what the wings share."""
        console = wings["console"]
        assert isinstance(console, cls)
        return console


@contextmanager
def started(settings: Settings, adapters: Adapters, services: Services) -> Iterator[Console]:
    """Yield the console; its visitors are answered by what answers here."""
    runs = RunReports(services.runs)
    disk_report = CachedLookup[None, DiskReport](
        lambda _: _disk(settings, adapters), clock.now, MINUTE
    )
    look = partial(_findings, settings, adapters, services.servers)
    quick = CachedLookup[bool, list[ConsoleFinding]](look, clock.now, _FINDINGS_KEPT)
    slow = CachedLookup[bool, list[ConsoleFinding]](look, clock.now, MINUTE)
    reads = adapters.database.replica_reads()
    refusals = offered("refused_events", adapters)
    yield Console(
        overview=OverviewReports(
            why_not_writable=services.why_not_writable,
            why_no_answers=partial(_why_no_answers, services),
            findings=lambda: [*quick.find(False), *slow.find(True)],
            newest_event_at=partial(newest_event_at, adapters.log),
            served=partial(_served, adapters),
            disk=lambda: disk_report.find(None),
            runs=runs,
            history=TrafficHistory(partial(read_counts, services.metrics_dir), clock.now()),
        ),
        runs=runs,
        models=ModelReports(
            adapters.registry,
            Impressions(reads),
            runs,
            (settings.retrain_schedule.strip(), settings.retrain_time_zone),
            clock.now,
        ),
        outcomes=OutcomeReports(services.outcomes, clock.now),
        inventory=InventoryViews(StockList(reads)),
        visitors=VisitorViews(
            log=adapters.log,
            impressions=adapters.impressions,
            catalogue=adapters.catalogue,
            animals=adapters.animals,
            registry=adapters.registry,
            loader=Loader(adapters.registry, adapters.artefacts),
            directory=services.directory,
            runtime=services.runtime,
            individuals=services.individuals,
        ),
        events=EventViews(
            log=adapters.log,
            tail=EventTail(adapters.database),
            ledger=adapters.ledger,
            refusals=refusals,
        ),
        quality=QualityViews(
            log=adapters.log,
            tail=EventTail(reads),
            refusals=refusals,
            animals=Animals(reads),
            catalogue=Catalogue(reads),
            pace=partial(suspected_bots, settings),
        ),
        service=ServiceViews(
            version=__version__,
            settings=tuple(settings_in_force(settings, services.sources)),
            registry=adapters.registry,
            servers=services.servers,
            deliveries=adapters.deliveries,
            channels=offered("notifiers", settings) or (),
        ),
        keys=adapters.access_keys(settings),
    )


def tasks(
    settings: Settings, _adapters: Adapters, _services: Services, console: Console
) -> Iterator[Task]:
    """Yield the task that samples the traffic."""
    if settings.has_role(SERVE):
        sample = at_the_moment(console.overview.history.sample)
        yield Task("sample traffic", SAMPLE_SECONDS, sample)


def _why_no_answers(services: Services) -> str | None:
    orders = services.individuals.can_order(clock.now())
    try:
        readiness(services.runtime, entries(services.registry), orders_animals=orders)
    except NotReady as error:
        return error.message
    return None


def _findings(
    settings: Settings, adapters: Adapters, servers: Servers, is_slow: bool
) -> list[ConsoleFinding]:
    """Return what needs attention by the checks of the overview that are slow, or are not."""
    service = CheckedService(settings, adapters, clock.now(), servers)
    checks = [one for one in all_checks() if one.is_slow is is_slow]
    found = needing_attention(examine(checks, service, CheckPlace.OVERVIEW))
    return [ConsoleFinding(one.check, one.message, one.next_move) for one in found]


def _served(adapters: Adapters) -> Iterator[CampaignFreshness]:
    found = sorted(
        entries(adapters.registry),
        key=lambda one: (one.dataset_group != DATASET_GROUP, one.dataset_group, one.name),
    )
    for one in models_in_use(adapters, found[:_CAMPAIGNS]):
        live = one.entry.campaign.solution_version
        version, counts = (None, None) if live is None else (one.version, one.counts)
        yield CampaignFreshness(
            campaign=one.entry.name,
            dataset_group=one.entry.dataset_group,
            recipe=one.entry.recipe,
            solution_version=live,
            as_of=None if version is None else iso(version.as_of),
            refreshed_at=None if counts is None else iso(counts.cut.as_of),
        )


def _disk(settings: Settings, adapters: Adapters) -> DiskReport:
    usage = shutil.disk_usage(settings.data_dir)
    found = forecast(settings, adapters, clock.now())
    return DiskReport(
        free_bytes=usage.free,
        total_bytes=usage.total,
        per_day_bytes=None if found is None else found.per_day,
        days_left=None if found is None else found.days_left,
    )
