"""What the endpoints need, handed to them by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from pawsonalize.engine.campaigns.live_model import LiveModel
from pawsonalize.engine.campaigns.updates import Campaigns
from pawsonalize.engine.filters.resources import Filters
from pawsonalize.engine.ingest import Ingest
from pawsonalize.engine.metadata import ItemMetadata
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.runtime import Runtime
from pawsonalize.storage.base import Animals, EventLog
from pawsonalize.workflow.runs import Runs

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """The engine's parts that this door translates for.

    `reads_are_local` says that a read is a fraction of a millisecond and cannot hang, so that
    handing it to a thread would cost more than it saves. `metrics_dir` is where worker processes
    leave their metrics, None for a single process.
    """

    log: EventLog
    animals: Animals
    ingest: Ingest
    runtime: Runtime
    live: LiveModel
    runs: Runs
    registry: Registry
    campaigns: Campaigns
    filters: Filters
    metadata: ItemMetadata
    now: Callable[[], int]
    reads_are_local: bool
    max_body_bytes: int
    metrics_dir: Path | None = None

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that reads the tables without stalling the event loop."""
        if self.reads_are_local:
            return call(*args, **kwargs)
        return await run_in_threadpool(call, *args, **kwargs)
