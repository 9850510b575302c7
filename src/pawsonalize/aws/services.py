"""The parts of the engine that operations use, as the composition root hands them over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

from pawsonalize.aws.arn import Arns
from pawsonalize.aws.signatures import Signatures
from pawsonalize.domain.schemas import DatasetType, Schema
from pawsonalize.engine.ingest.datasets import Datasets
from pawsonalize.engine.ingest.events import Ingest
from pawsonalize.engine.ingest.inventory import AnimalNames
from pawsonalize.engine.reporting.metric_attributions import MetricAttributions
from pawsonalize.engine.serving.actions import ActionRecommending
from pawsonalize.engine.serving.campaigns import Runtimes
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.filters import Filters
from pawsonalize.engine.training.campaigns import Recommenders
from pawsonalize.engine.training.processes import TrainingProcesses
from pawsonalize.engine.training.queue import TrainingQueue
from pawsonalize.engine.training.solutions import DatasetGroups, Solutions
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.campaign_updates import Campaigns
from pawsonalize.kinds.group_resources import EventTracker
from pawsonalize.kinds.job_table import JobTable
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Resource, ResourceT
from pawsonalize.storage.journal import AuditLog

P = ParamSpec("P")
T = TypeVar("T")

# The members of a request, and those of an answer; both by AWS's names.
Members = Mapping[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AwsServices:
    """The engine's parts that this door translates for."""

    arns: Arns
    registry: Registry
    versions: SolutionVersions
    trainings: TrainingProcesses
    queue: TrainingQueue
    dataset_groups: DatasetGroups
    solutions: Solutions
    campaigns: Campaigns
    datasets: Datasets
    jobs: JobTable
    action_recommending: ActionRecommending
    attributions: MetricAttributions
    recommenders: Recommenders
    filters: Filters
    filterings: Filterings
    ingest: Ingest
    animal_names: AnimalNames
    runtimes: Runtimes
    now: Callable[[], int]
    reads_are_local: bool
    """A read takes a fraction of a millisecond and cannot hang: it needs no thread."""
    max_body_bytes: int
    signatures: Signatures | None
    """None: anybody may call."""
    audit: AuditLog
    trackers: CachedLookup[str, EventTracker]
    groups: CachedLookup[tuple[type[Resource], str], str]
    """The dataset group of a resource, by its kind and name; NotFound if it has none."""
    schemas: CachedLookup[tuple[str, DatasetType], Schema | None]
    """The schema of a dataset group's dataset of a type; None without such a dataset."""
    is_strict: bool = True
    """Refuses what AWS refuses: see `strict.py`."""

    def resource(self, kind: type[ResourceT], arn: str) -> ResourceT:
        """Return the resource of that kind and ARN; NotFound if there is none."""
        return self.registry.get(kind, self.arns.name(arn, kind))

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that reads the tables without stalling the event loop."""
        if self.reads_are_local:
            return call(*args, **kwargs)
        return await run_in_threadpool(call, *args, **kwargs)
