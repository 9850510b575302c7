"""The composition root: settings to adapters to engine to the ASGI app."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from pawsonalize import clock
from pawsonalize.archive.base import ObjectStore
from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.errors import PawsonalizeError, StorageUnavailable
from pawsonalize.engine.archiving.archiver import Archiver
from pawsonalize.engine.campaigns.live_model import LiveModel
from pawsonalize.engine.campaigns.serving import Loader, ServingSettings
from pawsonalize.engine.campaigns.updates import Campaigns
from pawsonalize.engine.exposure import Exposure
from pawsonalize.engine.impressions import ImpressionLog
from pawsonalize.engine.ingest import Ingest
from pawsonalize.engine.notifying.courier import Courier
from pawsonalize.engine.notifying.outbox import Outbox
from pawsonalize.engine.resources.defaults import RECOMMENDER, RERANKER, ensure_defaults
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.runtime import Runtime
from pawsonalize.engine.solutions.models import load_model
from pawsonalize.engine.solutions.processes import TrainingProcesses
from pawsonalize.engine.solutions.training import Trainer
from pawsonalize.engine.solutions.versions import SolutionVersions
from pawsonalize.http.errors import EXCEPTION_HANDLERS
from pawsonalize.http.metrics import Measured
from pawsonalize.http.openapi import get_docs, get_openapi
from pawsonalize.http.operations import routes
from pawsonalize.http.services import Services
from pawsonalize.logs import configure_logs
from pawsonalize.notify.base import Notifier
from pawsonalize.notify.log import LogNotifier
from pawsonalize.notify.smtp import SmtpNotifier
from pawsonalize.notify.sns import SnsNotifier
from pawsonalize.notify.webhook import WebhookNotifier
from pawsonalize.settings import Settings, as_environment, as_record, load_settings
from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.base import (
    Animals,
    ArchiveLedger,
    ArtefactStore,
    Catalogue,
    Deliveries,
    EventLog,
    WorkflowRuns,
)
from pawsonalize.storage.sql import (
    Database,
    SqlAnimals,
    SqlArchiveLedger,
    SqlCatalogue,
    SqlDeliveries,
    SqlEventLog,
    SqlImpressions,
    SqlResources,
    SqlWorkflowRuns,
)
from pawsonalize.ui.door import Storefront
from pawsonalize.ui.door import routes as site_routes
from pawsonalize.workflow.checking import Checking
from pawsonalize.workflow.judging import Judging
from pawsonalize.workflow.news import News
from pawsonalize.workflow.processes import WorkerProcesses
from pawsonalize.workflow.promotion import Promotion
from pawsonalize.workflow.record import Trigger
from pawsonalize.workflow.runs import Runs
from pawsonalize.workflow.schedule import read_schedule
from pawsonalize.workflow.steps import steps
from pawsonalize.workflow.timer import Timer
from pawsonalize.workflow.training import Training
from pawsonalize.workflow.worker import Worker

_DELIVERY_SECONDS = 2.0
_REFRESH_SECONDS = 0.5  # so that a rollback is everywhere within a second
_LOOK_SECONDS = 10.0
_RETRAIN_SECONDS = 1.0
_RECENT_VERSIONS = 50
_SWITCH_SECONDS = 0.0005
_COMMAND = (sys.executable, "-m", "pawsonalize.cli.main")

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Adapters:
    """The tables and folders that settings name, opened."""

    database: Database
    log: EventLog
    catalogue: Catalogue
    animals: Animals
    registry: Registry
    ledger: ArchiveLedger
    deliveries: Deliveries
    artefacts: ArtefactStore
    objects: ObjectStore
    trainings: TrainingProcesses
    workflow_runs: WorkflowRuns

    @property
    def versions(self) -> SolutionVersions:
        """The solution versions."""
        return SolutionVersions(self.registry, self.log, self.artefacts)

    @property
    def campaigns(self) -> Campaigns:
        """The campaigns."""
        return Campaigns(self.registry)

    def runs(self, settings: Settings) -> Runs:
        """The workflow runs; new ones are begun with these settings."""
        return Runs(self.workflow_runs, as_record(settings))

    @property
    def trainer(self) -> Trainer:
        """What trains in this very process."""
        return Trainer(self.registry, self.log, self.catalogue, self.artefacts, clock.now)


@contextmanager
def opened(settings: Settings) -> Iterator[Adapters]:
    """What the settings name, open while the block runs; the data folder is made if need be."""
    adapters = _open(settings)
    try:
        yield adapters
    finally:
        adapters.database.close()


def _open(settings: Settings) -> Adapters:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(
            f"the data folder {settings.data_dir} cannot be made ({error.strerror}): choose"
            " another with --data-dir"
        ) from error
    database = Database(settings.database)
    registry = Registry(SqlResources(database))
    ensure_defaults(registry, settings.recipe, clock.now())
    artefacts = LocalArtefacts(settings.models_dir)
    return Adapters(
        database=database,
        log=SqlEventLog(database),
        catalogue=SqlCatalogue(database),
        animals=SqlAnimals(database),
        registry=registry,
        ledger=SqlArchiveLedger(database),
        deliveries=SqlDeliveries(database),
        artefacts=artefacts,
        objects=open_objects(settings.archive),
        trainings=TrainingProcesses(
            registry,
            artefacts,
            settings.trainings_dir,
            command=(*_COMMAND, "train-version"),
            environment={**os.environ, **as_environment(settings)},
        ),
        workflow_runs=SqlWorkflowRuns(database),
    )


def open_notifiers(settings: Settings) -> dict[str, Notifier]:
    """The notifiers that the settings ask for, by name; the log is always one of them."""
    notifiers: dict[str, Notifier] = {"log": LogNotifier()}
    if settings.notify_smtp_url or settings.notify_email_to:
        addresses = [address.strip() for address in settings.notify_email_to.split(",")]
        notifiers["email"] = SmtpNotifier(
            settings.notify_smtp_url, settings.notify_email_from, list(filter(None, addresses))
        )
    if settings.notify_webhook_url or settings.notify_webhook_secret:
        notifiers["webhook"] = WebhookNotifier(
            settings.notify_webhook_url, settings.notify_webhook_secret, clock.now
        )
    if settings.notify_sns_topic:
        notifiers["sns"] = SnsNotifier(settings.notify_sns_topic)
    return notifiers


def couriers(settings: Settings, deliveries: Deliveries) -> list[Courier]:
    """One for each notifier, so that none waits for another."""
    notifiers = open_notifiers(settings)
    return [Courier(deliveries, name, notifier) for name, notifier in notifiers.items()]


def asgi() -> Starlette:
    """The app of one worker process, by the settings in file and environment."""
    settings = load_settings()
    # Writers run in threads beside the event loop; by default each makes it wait for 5 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    configure_logs(settings.log_format, settings.log_level)
    return build_app(settings)


def build_app(settings: Settings) -> Starlette:
    """The ASGI app; adapters open when it starts and close, drained, when it stops."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with opened(settings) as adapters, ThreadPoolExecutor() as notifying:
            live = _live(settings, adapters)
            recommender, reranker = live[RECOMMENDER], live.get(RERANKER)
            impressions = ImpressionLog(SqlImpressions(adapters.database))
            ingest = Ingest(
                adapters.log, adapters.animals, reads_are_local=adapters.database.is_local
            )
            archiver = Archiver(adapters.log, adapters.ledger, adapters.objects)
            runs = adapters.runs(settings)
            retraining = Retraining(timer(settings, runs), worker_processes(settings, adapters))
            app.state.services = Services(
                log=adapters.log,
                animals=adapters.animals,
                ingest=ingest,
                runtime=Runtime(adapters.log, recommender, impressions, reranker),
                live=recommender,
                runs=runs,
                registry=adapters.registry,
                campaigns=adapters.campaigns,
                now=clock.now,
                reads_are_local=adapters.database.is_local,
                max_body_bytes=settings.max_body_bytes,
                metrics_dir=_metrics_dir(),
            )
            app.state.storefront = Storefront(
                runtime=app.state.services.runtime,
                ingest=ingest,
                log=adapters.log,
                animals=adapters.animals,
                live=recommender,
                now=clock.now,
                start_training=lambda: start_retraining(runs),
            )
            for one in live.values():
                attempt(follow_campaign, one)
            tasks = [
                *(
                    asyncio.create_task(_every(_REFRESH_SECONDS, follow_campaign, one))
                    for one in live.values()
                ),
                asyncio.create_task(_every(_LOOK_SECONDS, look_after_trainings, adapters)),
                asyncio.create_task(_every(settings.archive_seconds, archive_new, archiver)),
                *(
                    [asyncio.create_task(_every(_RETRAIN_SECONDS, retrain_when_due, retraining))]
                    if settings.retrain_here
                    else ()
                ),
                *(
                    asyncio.create_task(_every(_DELIVERY_SECONDS, deliver_due, courier, notifying))
                    for courier in couriers(settings, adapters.deliveries)
                ),
            ]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            retraining.processes.stop()
            ingest.close()
            impressions.close()
            attempt(archive_new, archiver)

    return Starlette(
        routes=[
            *routes(),
            Route("/openapi.json", get_openapi),
            Route("/docs", get_docs),
            *(site_routes() if settings.demo_site else ()),
        ],
        middleware=[Middleware(Measured)],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )


def _recommender(settings: Settings, adapters: Adapters) -> LiveModel:
    exposure = Exposure(adapters.log, adapters.catalogue)
    serving = ServingSettings(
        settings.exploration_weight,
        settings.exploration_item_age_cut_off,
        settings.min_provisioned_tps,
    )
    loader = Loader(adapters.registry, adapters.artefacts, exposure)
    return LiveModel(RECOMMENDER, adapters.campaigns, loader, serving, _busy(settings))


def _reranker(settings: Settings, adapters: Adapters) -> LiveModel | None:
    if not settings.reranking_enabled:
        return None
    serving = ServingSettings(min_provisioned_tps=settings.rerank_min_provisioned_tps)
    loader = Loader(adapters.registry, adapters.artefacts)
    return LiveModel(RERANKER, adapters.campaigns, loader, serving, _busy(settings))


def _live(settings: Settings, adapters: Adapters) -> dict[str, LiveModel]:
    """What each campaign serves, by its name."""
    live = {RECOMMENDER: _recommender(settings, adapters)}
    if (reranker := _reranker(settings, adapters)) is not None:
        live[RERANKER] = reranker
    return live


def _busy(settings: Settings) -> int:
    """How many worker processes this machine can run at once."""
    return min(settings.workers, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Retraining:
    """What a server does for retraining: begin it when it is due, and see that it is worked on."""

    timer: Timer | None
    processes: WorkerProcesses


def timer(settings: Settings, runs: Runs) -> Timer | None:
    """What begins retrainings when they are due; None where the settings have no schedule."""
    schedule = read_schedule(settings.retrain_schedule, settings.retrain_time_zone)
    return None if schedule is None else Timer(runs, schedule, clock.now())


def worker_processes(
    settings: Settings,
    adapters: Adapters,
    output: IO[bytes] | None = None,
    *,
    outlive: bool = False,
) -> WorkerProcesses:
    """What starts a process for the run that nobody works on."""
    return WorkerProcesses(
        adapters.workflow_runs,
        (*_COMMAND, "work"),
        {**os.environ, **as_environment(settings)},
        output,
        outlive=outlive,
    )


def worker(settings: Settings, adapters: Adapters, name: str) -> Worker:
    """What works on the run that nobody works on, in this very process."""
    live = _live(settings, adapters)
    checking = Checking(
        adapters.registry,
        adapters.campaigns,
        adapters.log,
        adapters.catalogue,
        settings.checks,
        tuple(live),
    )
    judging = Judging(
        adapters.log,
        adapters.catalogue,
        adapters.versions,
        adapters.campaigns,
        lambda version: load_model(adapters.artefacts, version),
        settings.gate,
    )
    training = Training(adapters.versions, adapters.trainings, settings.retrain_check_seconds)
    promotion = Promotion(
        adapters.campaigns,
        lambda campaign, now: live[campaign].refresh(now),
        settings.campaign_check_seconds,
        settings.campaign_checks,
    )
    news = News(Outbox(adapters.deliveries, open_notifiers(settings)))
    return Worker(
        name,
        adapters.workflow_runs,
        steps(checking, training, judging, promotion, news),
        settings.retrain_limit_hours * 3600,
        now=clock.now,
        sleep=time.sleep,
    )


async def _every(
    seconds: float, work: Callable[[T], None], argument: T, threads: Executor | None = None
) -> None:
    """Do the work again and again, in one of the threads, with a pause between.

    Where none are given, it is one of those that answers use too.
    """
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(seconds)
        await loop.run_in_executor(threads, attempt, work, argument)


def attempt(work: Callable[[T], None], argument: T) -> None:
    """Do work that is repeated anyway: its failure is logged, and must not end the repeating."""
    try:
        work(argument)
    except PawsonalizeError as error:
        log.error("failed", work=work.__name__, code=error.code, reason=error.message)
    except Exception as error:  # what nobody foresaw may pass as well
        log.error("failed", work=work.__name__, exc_info=error)


def follow_campaign(live: LiveModel) -> None:
    """Serve what the campaign points at."""
    if live.refresh(clock.now()):
        log.info("serving", solution_version=live.current.version.name)


def look_after_trainings(adapters: Adapters) -> None:
    """Settle trainings whose process died while nobody waited for it."""
    for version in adapters.registry.page(SolutionVersion, _RECENT_VERSIONS):
        if not version.status.is_settled:
            adapters.trainings.look(version.name, clock.now())


def archive_new(archiver: Archiver) -> None:
    """Archive what is new; what fails now is archived the next time."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


def deliver_due(courier: Courier) -> None:
    """Deliver the notifications that are due."""
    courier.deliver_due(clock.now())


def retrain_when_due(retraining: Retraining) -> None:
    """Begin what is due, and see that what was begun is worked on."""
    if retraining.timer is not None:
        retraining.timer.look(clock.now())
    retraining.processes.look(clock.now())


def start_retraining(runs: Runs) -> None:
    """Begin a run from the site; Conflict while another one runs."""
    runs.begin(Trigger.SITE, clock.now())


def _metrics_dir() -> Path | None:
    # prometheus_client itself reads this variable when it is imported.
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None
