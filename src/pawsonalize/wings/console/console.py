"""The console of a running server: its views, over the adapters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task, at_the_moment
from pawsonalize.domain.roles import SERVE
from pawsonalize.http.services import Services
from pawsonalize.kinds.access_keys import AccessKeys
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animal_list import StockList
from pawsonalize.storage.events.impressions import Impressions
from pawsonalize.wing import offered
from pawsonalize.wings.console.events import EventViews
from pawsonalize.wings.console.models import ModelReports
from pawsonalize.wings.console.outcomes import OutcomeReports
from pawsonalize.wings.console.overview import OverviewReports
from pawsonalize.wings.console.quality import QualityViews
from pawsonalize.wings.console.runs import RunReports
from pawsonalize.wings.console.service import ServiceViews
from pawsonalize.wings.console.traffic import SAMPLE_SECONDS, TrafficHistory, read_counts
from pawsonalize.wings.console.visitors import VisitorViews


@dataclass(frozen=True, slots=True)
class Console:
    """The views that the pages of the console and their JSON show, and access keys."""

    overview: OverviewReports
    runs: RunReports
    models: ModelReports
    outcomes: OutcomeReports
    stock: StockList
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
    reads = adapters.database.replica_reads()
    refusals = offered("refused_events", adapters)
    traffic = TrafficHistory(partial(read_counts, services.metrics_dir), clock.now())
    yield Console(
        overview=OverviewReports(settings, adapters, services, runs, traffic),
        runs=runs,
        models=ModelReports(
            adapters.registry,
            Impressions(reads),
            runs,
            (settings.retrain_schedule.strip(), settings.retrain_time_zone),
            clock.now,
        ),
        outcomes=OutcomeReports(services.outcomes, clock.now),
        stock=StockList(reads),
        visitors=VisitorViews(adapters, services),
        events=EventViews(adapters, refusals),
        quality=QualityViews(settings, reads, adapters.log, refusals),
        service=ServiceViews(settings, adapters, services),
        keys=adapters.access_keys(settings),
    )


def tasks(
    settings: Settings, _adapters: Adapters, _services: Services, console: Console
) -> Iterator[Task]:
    """Yield the task that samples the traffic."""
    if settings.has_role(SERVE):
        sample = at_the_moment(console.overview.history.sample)
        yield Task("sample traffic", SAMPLE_SECONDS, sample)
