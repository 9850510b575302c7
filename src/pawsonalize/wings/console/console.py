"""The console's views, over the adapters."""

import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from pawsonalize import __version__, clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.checks import CheckedService, CheckPlace, examine, needing_attention
from pawsonalize.app.disk_forecast import forecast
from pawsonalize.app.doctor import checks as all_checks
from pawsonalize.app.intake_checks import newest_event_at
from pawsonalize.app.model_checks import models_in_use
from pawsonalize.app.side_processes import outcomes_processes
from pawsonalize.app.tenants import tenant_reports
from pawsonalize.domain.errors import NotReady
from pawsonalize.domain.times import MINUTE, SECOND, iso
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.directory import entries, readiness
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.engine.serving.served import Loader
from pawsonalize.http.server.traffic import read_counts
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.kinds.servers import Servers
from pawsonalize.settings import Settings
from pawsonalize.storage.animal_list import StockList
from pawsonalize.storage.animals import Animals
from pawsonalize.storage.catalogue import Catalogue
from pawsonalize.storage.event_tail import EventTail
from pawsonalize.storage.impressions import Impressions
from pawsonalize.wings.console.console_parts import settings_in_force, suspected_bots
from pawsonalize.wings.console.console_runs import RunReports
from pawsonalize.wings.console.views.animals import InventoryViews
from pawsonalize.wings.console.views.events import EventViews
from pawsonalize.wings.console.views.models import ModelReports
from pawsonalize.wings.console.views.outcomes import OutcomeReports
from pawsonalize.wings.console.views.overview import (
    CampaignFreshness,
    ConsoleFinding,
    DiskReport,
    OverviewReports,
)
from pawsonalize.wings.console.views.quality import QualityViews
from pawsonalize.wings.console.views.service import ServiceViews
from pawsonalize.wings.console.views.traffic import TrafficHistory
from pawsonalize.wings.console.views.views import ConsoleViews
from pawsonalize.wings.console.views.visitors import VisitorViews
from pawsonalize.wings.dead_letters.composition import letter_replay, letters_of
from pawsonalize.wings.feeds.scheduled import listed_feeds
from pawsonalize.wings.notifications.notifying import open_notifiers

_FINDINGS_KEPT = 10 * SECOND
_CAMPAIGNS = 50


def console_views(
    settings: Settings,
    adapters: Adapters,
    runtime: Runtime,
    individuals: Individuals,
    servers: Servers,
    sources: Mapping[str, str],
) -> ConsoleViews:
    """What the console shows; `runtime` and `individuals` are what answers.

    `sources` says where settings were written.
    """
    runs = RunReports(adapters.runs(settings))
    disk_report = CachedLookup[None, DiskReport](
        lambda _: _disk(settings, adapters), clock.now, MINUTE
    )
    look = partial(_findings, settings, adapters, servers)
    quick = CachedLookup[bool, list[ConsoleFinding]](look, clock.now, _FINDINGS_KEPT)
    slow = CachedLookup[bool, list[ConsoleFinding]](look, clock.now, MINUTE)
    reads = adapters.database.replica_reads()
    return ConsoleViews(
        overview=OverviewReports(
            why_not_writable=adapters.database.why_not_writable,
            why_no_answers=partial(_why_no_answers, adapters, runtime, individuals),
            findings=lambda: [*quick.find(False), *slow.find(True)],
            newest_event_at=partial(newest_event_at, adapters.log),
            served=partial(_served, adapters),
            disk=lambda: disk_report.find(None),
            runs=runs,
            history=TrafficHistory(partial(read_counts, metrics_dir()), clock.now()),
        ),
        runs=runs,
        models=ModelReports(
            adapters.registry,
            Impressions(reads),
            runs,
            (settings.retrain_schedule.strip(), settings.retrain_time_zone),
            clock.now,
        ),
        outcomes=OutcomeReports(outcomes_processes(settings, adapters), clock.now),
        tenants=tenant_reports(settings, adapters),
        inventory=InventoryViews(
            StockList(reads), *adapters.exposed, adapters.registry, listed_feeds(settings)
        ),
        visitors=VisitorViews(
            log=adapters.log,
            impressions=adapters.impressions,
            catalogue=adapters.catalogue,
            animals=adapters.animals,
            registry=adapters.registry,
            loader=Loader(adapters.registry, adapters.artefacts),
            directory=adapters.directory(settings),
            runtime=runtime,
            individuals=individuals,
        ),
        events=EventViews(
            log=adapters.log,
            tail=EventTail(adapters.database),
            letters=letters_of(adapters),
            replay=letter_replay(adapters),
            ledger=adapters.ledger,
        ),
        quality=QualityViews(
            log=adapters.log,
            tail=EventTail(reads),
            letters=letters_of(adapters),
            animals=Animals(reads),
            catalogue=Catalogue(reads),
            pace=partial(suspected_bots, settings),
        ),
        service=ServiceViews(
            version=__version__,
            settings=tuple(settings_in_force(settings, sources)),
            registry=adapters.registry,
            servers=servers,
            audit=adapters.audit,
            deliveries=adapters.deliveries,
            notifiers=partial(open_notifiers, settings),
        ),
    )


def metrics_dir() -> Path | None:
    """Where worker processes leave their metrics; None for a single process."""
    # prometheus_client itself reads this variable when it is imported.
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(named) if named else None


def _why_no_answers(adapters: Adapters, runtime: Runtime, individuals: Individuals) -> str | None:
    orders = individuals.can_order(clock.now())
    try:
        readiness(runtime, entries(adapters.registry), orders_animals=orders)
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
