"""The console of a running server: its views, over the adapters."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from pawsonalize import clock
from pawsonalize.access.services import Services
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.background import Task, at_the_moment
from pawsonalize.domain.roles import SERVE
from pawsonalize.domain.times import MINUTE
from pawsonalize.engine.reporting.exposure_report import ExposureShare
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.animal_list import StockList
from pawsonalize.wing import offered
from pawsonalize.wings.console.animal import AnimalViews
from pawsonalize.wings.console.events import EventViews
from pawsonalize.wings.console.finding import ConsoleFinder
from pawsonalize.wings.console.happenings import happenings_of
from pawsonalize.wings.console.models import ModelReports
from pawsonalize.wings.console.newest_visitors import newest_visitors
from pawsonalize.wings.console.outcomes import OutcomeReports
from pawsonalize.wings.console.overview import OverviewReports
from pawsonalize.wings.console.quality import QualityViews
from pawsonalize.wings.console.service import service_report
from pawsonalize.wings.console.traffic import SAMPLE_SECONDS, TrafficHistory, read_counts
from pawsonalize.wings.console.visitors import VisitorViews


class Console:
    """The views that the pages of the console and their JSON show, and access keys."""

    def __init__(self, settings: Settings, adapters: Adapters, services: Services) -> None:
        reads = adapters.database.replica_reads()
        refusals = offered("refused_events", adapters)
        channels: Iterable[str] = offered("notifiers", settings) or ()
        self.traffic = TrafficHistory(partial(read_counts, services.metrics_dir), clock.now())
        self.overview = OverviewReports(settings, adapters, services, self.traffic)
        self.models = ModelReports(settings, adapters.registry, reads, services.runs)
        self.outcomes = OutcomeReports(services.outcomes, clock.now)
        self.stock = StockList(reads)
        self.animals = AnimalViews(adapters, services)
        self.visitors = VisitorViews(adapters, services)
        self.newest_visitors = partial(newest_visitors, adapters.database)
        self.events = EventViews(adapters, refusals)
        quality = QualityViews(settings, reads, adapters.log, refusals)
        # Both read so much that a page of each takes longer than a person likes to wait.
        self.quality = CachedLookup(quality.report, clock.now, MINUTE)
        self.seen: CachedLookup[None, list[ExposureShare]] = CachedLookup(
            lambda _: services.exposure(clock.now()), clock.now, MINUTE
        )
        self.finder = ConsoleFinder(adapters, self.stock, services.runs)
        self.happenings = partial(happenings_of, adapters, services.runs)
        self.service = partial(service_report, adapters, services, tuple(channels))
        self.keys = adapters.access_keys

    @classmethod
    def of(cls, wings: Mapping[str, Any]) -> "Console":
        """Return the console, among what the wings share."""
        console = wings["console"]
        assert isinstance(console, cls)
        return console


def tasks(
    settings: Settings, _adapters: Adapters, _services: Services, console: Console
) -> Iterator[Task]:
    """Yield the task that samples the traffic."""
    if settings.has_role(SERVE):
        sample = at_the_moment(console.traffic.sample)
        yield Task("sample traffic", SAMPLE_SECONDS, sample)
