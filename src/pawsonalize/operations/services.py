"""What endpoints and pages use of the running service; `app.app.App` is all of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pawsonalize.animals.inventory import Inventory
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.journal import AuditLog
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.servers import Servers
from pawsonalize.events.datasets import Datasets
from pawsonalize.events.erasure.erasing import Erasing
from pawsonalize.events.ingest import Ingest, Intake, RefusalSink
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.operations.limits import HeavyReads
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.campaigns import CampaignModels, Directory
from pawsonalize.recommend.filtering import Filterings, Filters
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.reports.exposure_report import ExposureShare
from pawsonalize.reports.outcomes_process import OutcomesProcesses
from pawsonalize.reports.service_figures import ServiceFigures
from pawsonalize.resources.job_table import JobTable
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.train.retraining.runs import Runs
from pawsonalize.train.solutions import DatasetGroups, Solutions
from pawsonalize.train.trainings import TrainingProcesses, TrainingQueue
from pawsonalize.train.versions import SolutionVersions

P = ParamSpec("P")
T = TypeVar("T")


class Services(ABC):
    """The parts of the running service that endpoints and pages use."""

    log: EventLog
    inventory: Inventory
    catalogue: Catalogue
    ingest: Ingest
    group_recommender: GroupRecommender
    """Answers requests that name no dataset group and no campaign."""
    animal_recommender: AnimalRecommender
    """Answers their queries for animals."""
    directory: Directory
    campaign_models: CampaignModels
    runs: Runs
    outcomes: OutcomesProcesses
    reports: HeavyReads
    """Waits for them, and makes other reports."""
    exposure: Callable[[int], list[ExposureShare]]
    """Shares of what was shown, at a moment."""
    page_reads: HeavyReads
    """Makes pages for operators and their JSON, in a thread of its own."""
    registry: Registry
    datasets: Datasets
    dataset_groups: DatasetGroups
    solutions: Solutions
    versions: SolutionVersions
    trainings: TrainingProcesses
    queue: TrainingQueue
    campaigns: Campaigns
    jobs: JobTable
    filters: Filters
    filterings: Filterings
    erasing: Erasing
    problems: Problems
    servers: Servers
    roles: tuple[str, ...]
    """Roles of this server."""
    audit: AuditLog
    refusals: RefusalSink | None
    """Keeps what /v1/events refuses; None if it is not to be kept."""
    intake: Intake
    why_not_writable: Callable[[], str | None]
    """Returns the reason if nothing can be stored right now."""
    now: Callable[[], int]
    # A read takes a fraction of a millisecond and cannot hang: it needs no thread.
    reads_are_local: bool
    max_body_bytes: int
    sources: Mapping[str, str]
    """Places where settings were written, by their names."""
    metrics_dir: Path | None
    """Folder of worker processes' metrics; None for a single process."""

    @abstractmethod
    def figures(self) -> ServiceFigures:
        """Return figures of the whole service, as of some seconds ago."""

    @abstractmethod
    def why_not_ready(self) -> str | None:
        """Return the first finding of the checks that `/readyz` shows, if one needs attention."""

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that reads the tables without stalling the event loop."""
        if self.reads_are_local:
            return call(*args, **kwargs)
        return await run_in_threadpool(call, *args, **kwargs)


def services_of(request: Request) -> Services:
    """Return the services of the app that serves the request."""
    services: Services = request.app.state.services
    return services
