"""The composition root: settings to adapters to engine to the ASGI app."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
from pawsonalize.engine.resources.defaults import RECOMMENDER, RERANKER, ensure_defaults
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.runtime import Runtime
from pawsonalize.engine.solutions.processes import TrainingProcesses
from pawsonalize.engine.solutions.training import Trainer
from pawsonalize.engine.solutions.versions import SolutionVersions
from pawsonalize.http.errors import EXCEPTION_HANDLERS
from pawsonalize.http.metrics import Measured
from pawsonalize.http.openapi import get_docs, get_openapi
from pawsonalize.http.operations import routes
from pawsonalize.http.services import Services
from pawsonalize.logs import configure_logs
from pawsonalize.settings import Settings, as_environment, load_settings
from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.base import (
    Animals,
    ArchiveLedger,
    ArtefactStore,
    Catalogue,
    EventLog,
)
from pawsonalize.storage.sql import (
    Database,
    SqlAnimals,
    SqlArchiveLedger,
    SqlCatalogue,
    SqlEventLog,
    SqlImpressions,
    SqlResources,
)
from pawsonalize.ui.door import Storefront
from pawsonalize.ui.door import routes as site_routes

_REFRESH_SECONDS = 0.5  # so that a rollback is everywhere within a second
_LOOK_SECONDS = 10.0
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
    artefacts: ArtefactStore
    objects: ObjectStore
    trainings: TrainingProcesses

    @property
    def versions(self) -> SolutionVersions:
        """The solution versions."""
        return SolutionVersions(self.registry, self.log, self.artefacts)

    @property
    def campaigns(self) -> Campaigns:
        """The campaigns."""
        return Campaigns(self.registry)

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
        artefacts=artefacts,
        objects=open_objects(settings.archive),
        trainings=TrainingProcesses(
            registry,
            artefacts,
            settings.trainings_dir,
            command=(*_COMMAND, "train-version"),
            environment={**os.environ, **as_environment(settings)},
        ),
    )


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
        with opened(settings) as adapters:
            recommender = _recommender(settings, adapters)
            reranker = _reranker(settings, adapters)
            impressions = ImpressionLog(SqlImpressions(adapters.database))
            ingest = Ingest(
                adapters.log, adapters.animals, reads_are_local=adapters.database.is_local
            )
            archiver = Archiver(adapters.log, adapters.ledger, adapters.objects)
            app.state.services = Services(
                log=adapters.log,
                animals=adapters.animals,
                ingest=ingest,
                runtime=Runtime(adapters.log, recommender, impressions, reranker),
                live=recommender,
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
                start_training=BackgroundTraining(settings).start,
            )
            followed = [live for live in (recommender, reranker) if live is not None]
            for live in followed:
                attempt(follow_campaign, live)
            tasks = [
                *(
                    asyncio.create_task(_every(_REFRESH_SECONDS, follow_campaign, live))
                    for live in followed
                ),
                asyncio.create_task(_every(_LOOK_SECONDS, look_after_trainings, adapters)),
                asyncio.create_task(_every(settings.archive_seconds, archive_new, archiver)),
            ]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
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


def _busy(settings: Settings) -> int:
    """How many worker processes this machine can run at once."""
    return min(settings.workers, os.cpu_count() or 1)


class BackgroundTraining:
    """Trains in a process of its own, one at a time, so that answers stay quick."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a training unless one runs; returns at once."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*_COMMAND, "train"],
                env={**os.environ, **as_environment(self._settings)},
            )


async def _every(seconds: float, work: Callable[[T], None], argument: T) -> None:
    """Do the work again and again, in a thread, with a pause between."""
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(attempt, work, argument)


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


def _metrics_dir() -> Path | None:
    # prometheus_client itself reads this variable when it is imported.
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None
