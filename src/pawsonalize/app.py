"""The composition root: settings to adapters to engine to the ASGI app."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
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
from pawsonalize.engine.exposure import Exposure
from pawsonalize.engine.impressions import ImpressionLog
from pawsonalize.engine.ingest import Ingest
from pawsonalize.engine.live_model import LiveModel
from pawsonalize.engine.notifying.courier import Courier
from pawsonalize.engine.runtime import Runtime
from pawsonalize.engine.training import Trained, Trainer, TrainingOrder
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
from pawsonalize.settings import Settings, as_environment, load_settings
from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.base import (
    Animals,
    ArchiveLedger,
    ArtefactStore,
    Campaigns,
    Catalogue,
    Deliveries,
    EventLog,
)
from pawsonalize.storage.sql import (
    Database,
    SqlAnimals,
    SqlArchiveLedger,
    SqlCampaigns,
    SqlCatalogue,
    SqlDeliveries,
    SqlEventLog,
    SqlImpressions,
)
from pawsonalize.ui.door import Storefront
from pawsonalize.ui.door import routes as site_routes

CAMPAIGN = "recommender"
_REFRESH_SECONDS = 1.0
_DELIVERY_SECONDS = 2.0
_SWITCH_SECONDS = 0.0005

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Adapters:
    """The tables and folders that settings name, opened."""

    database: Database
    log: EventLog
    catalogue: Catalogue
    animals: Animals
    campaigns: Campaigns
    ledger: ArchiveLedger
    deliveries: Deliveries
    artefacts: ArtefactStore
    objects: ObjectStore


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
    return Adapters(
        database=database,
        log=SqlEventLog(database),
        catalogue=SqlCatalogue(database),
        animals=SqlAnimals(database),
        campaigns=SqlCampaigns(database),
        ledger=SqlArchiveLedger(database),
        deliveries=SqlDeliveries(database),
        artefacts=LocalArtefacts(settings.models_dir),
        objects=open_objects(settings.archive),
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


def train_and_activate(adapters: Adapters, order: TrainingOrder) -> Trained:
    """Train a solution version and let the campaign serve it."""
    trainer = Trainer(adapters.log, adapters.catalogue, adapters.campaigns, adapters.artefacts)
    trained = trainer.train(order, clock.now())
    trainer.activate(CAMPAIGN, trained.version, clock.now())
    return trained


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
            live = LiveModel(
                CAMPAIGN, adapters.campaigns, adapters.artefacts, _exposure(settings, adapters)
            )
            impressions = ImpressionLog(SqlImpressions(adapters.database))
            ingest = Ingest(
                adapters.log, adapters.animals, reads_are_local=adapters.database.is_local
            )
            archiver = Archiver(adapters.log, adapters.ledger, adapters.objects)
            app.state.services = Services(
                log=adapters.log,
                animals=adapters.animals,
                ingest=ingest,
                runtime=Runtime(adapters.log, live, impressions, settings.exploration_weight),
                live=live,
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
                live=live,
                now=clock.now,
                start_training=BackgroundTraining(settings).start,
            )
            attempt(follow_campaign, live)
            tasks = [
                asyncio.create_task(_every(_REFRESH_SECONDS, follow_campaign, live)),
                asyncio.create_task(_every(settings.archive_seconds, archive_new, archiver)),
                *(
                    asyncio.create_task(_every(_DELIVERY_SECONDS, deliver_due, courier, notifying))
                    for courier in couriers(settings, adapters.deliveries)
                ),
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


def _exposure(settings: Settings, adapters: Adapters) -> Exposure | None:
    """What exploration is weighed by; None where the settings want none."""
    if settings.exploration_weight == 0:
        return None
    return Exposure(adapters.log, adapters.catalogue, settings.exploration_item_age_cut_off)


class BackgroundTraining:
    """Trains in a process of its own, one at a time, so that answers stay quick."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a training unless one runs; returns at once."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pawsonalize.cli.main", "train"],
                env={**os.environ, **as_environment(self._settings)},
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
    if live.refresh():
        log.info("serving", solution_version=live.current.version.solution_version)


def archive_new(archiver: Archiver) -> None:
    """Archive what is new; what fails now is archived the next time."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


def deliver_due(courier: Courier) -> None:
    """Deliver the notifications that are due."""
    courier.deliver_due(clock.now())


def _metrics_dir() -> Path | None:
    # prometheus_client itself reads this variable when it is imported.
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None
