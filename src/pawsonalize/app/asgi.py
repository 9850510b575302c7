"""The ASGI app: adapters and engine behind the doors, and what is done in the background."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from pawsonalize import clock
from pawsonalize.app.adapters import couriers, opened
from pawsonalize.app.background import (
    Retraining,
    archive_new,
    attempt,
    count_animals,
    deliver_due,
    every,
    follow_campaign,
    look_after_trainings,
    retrain_when_due,
)
from pawsonalize.app.live_models import live_models
from pawsonalize.app.retraining import timer, worker_processes
from pawsonalize.engine.archiving.archiver import Archiver
from pawsonalize.engine.impressions import ImpressionLog
from pawsonalize.engine.ingest import Ingest
from pawsonalize.engine.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.engine.runtime import Runtime
from pawsonalize.engine.supply import SupplyWatch
from pawsonalize.http.errors import EXCEPTION_HANDLERS
from pawsonalize.http.metrics import Measured
from pawsonalize.http.openapi import get_docs, get_openapi
from pawsonalize.http.operations import routes
from pawsonalize.http.services import Services
from pawsonalize.logs import configure_logs
from pawsonalize.settings import Settings, load_settings
from pawsonalize.storage.sql import SqlImpressions
from pawsonalize.ui.door import Storefront
from pawsonalize.ui.door import routes as site_routes
from pawsonalize.workflow.record import Trigger
from pawsonalize.workflow.runs import Runs

_COUNT_SECONDS = 1.0
_DELIVERY_SECONDS = 2.0
_REFRESH_SECONDS = 0.5  # so that a rollback is everywhere within a second
_LOOK_SECONDS = 10.0
_RETRAIN_SECONDS = 1.0
_SWITCH_SECONDS = 0.0005


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
            live = live_models(settings, adapters)
            recommender, reranker = live[RECOMMENDER], live.get(RERANKER)
            impressions = ImpressionLog(SqlImpressions(adapters.database))
            ingest = Ingest(
                adapters.log, adapters.animals, reads_are_local=adapters.database.is_local
            )
            supply = SupplyWatch(adapters.catalogue)
            archiver = Archiver(adapters.log, adapters.ledger, adapters.objects)
            runs = adapters.runs(settings)
            retraining = Retraining(timer(settings, runs), worker_processes(settings, adapters))
            app.state.services = Services(
                log=adapters.log,
                catalogue=adapters.catalogue,
                animals=adapters.animals,
                ingest=ingest,
                runtime=Runtime(
                    adapters.log, recommender, impressions, reranker, supply, adapters.catalogue
                ),
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
            attempt(count_animals, supply)
            for one in live.values():
                attempt(follow_campaign, one)
            tasks = [
                *(
                    asyncio.create_task(every(_REFRESH_SECONDS, follow_campaign, one))
                    for one in live.values()
                ),
                asyncio.create_task(every(_COUNT_SECONDS, count_animals, supply)),
                asyncio.create_task(every(_LOOK_SECONDS, look_after_trainings, adapters)),
                asyncio.create_task(every(settings.archive_seconds, archive_new, archiver)),
                *(
                    asyncio.create_task(every(_DELIVERY_SECONDS, deliver_due, courier, notifying))
                    for courier in couriers(settings, adapters.deliveries)
                ),
            ]
            if settings.retrain_here:
                retrains = every(_RETRAIN_SECONDS, retrain_when_due, retraining)
                tasks.append(asyncio.create_task(retrains))
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


def start_retraining(runs: Runs) -> None:
    """Begin a run from the site; Conflict while another one runs."""
    runs.begin(Trigger.SITE, clock.now())


def _metrics_dir() -> Path | None:
    # prometheus_client itself reads this variable when it is imported.
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None
