"""Amazon Personalize as the engine, opened as the settings say, and trainings there."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import (
    EngineUnavailable,
    InvalidInput,
    NotFound,
    PawsonalizeError,
    TrainingFailed,
)
from pawsonalize.core.event import DEFAULT_DATASET_GROUP
from pawsonalize.core.logs import get_logger
from pawsonalize.core.metrics import AMAZON_CALLS
from pawsonalize.core.roles import WORK
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.work.leases import Leases
from pawsonalize.core.work.tasks import Task
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.models.recipes.contract import Model
from pawsonalize.operations.services import Services
from pawsonalize.resources.datasets import DatasetSchema
from pawsonalize.resources.defaults import dataset_name
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Progress, Solution, SolutionVersion
from pawsonalize.train.trainer import HeldOutMetrics, Report
from pawsonalize_remote_amazon.calls import Calls
from pawsonalize_remote_amazon.engine import AmazonCampaign, AmazonPersonalize
from pawsonalize_remote_amazon.forwarding import LEASE, Forwarder
from pawsonalize_remote_amazon.groups import FAILED, RECIPES
from pawsonalize_remote_amazon.settings import AmazonSettings

_SERVICES = ("", "_PERSONALIZE", "_PERSONALIZE_EVENTS", "_PERSONALIZE_RUNTIME")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared
_WAIT_SECONDS = 1.0
_PHASE = "training at Amazon Personalize"

log = get_logger()
T = TypeVar("T")


class AmazonTraining(msgspec.Struct, frozen=True):
    """See `RemoteTraining`: sends what versions learn from, waits, and reads their metrics."""

    personalize: AmazonPersonalize
    registry: Registry
    catalogue: Catalogue
    forwarder: Forwarder
    leases: Leases
    sleep: Callable[[float], object] = time.sleep

    def trains(self, version: SolutionVersion) -> bool:
        """True if the remote engine trains the version."""
        group = self.registry.get(Solution, version.solution).data_group
        return group == DEFAULT_DATASET_GROUP and version.recipe in RECIPES

    def train(self, version: SolutionVersion, report: Report) -> HeldOutMetrics:
        """Train to the end, through times without an answer; TrainingFailed if that fails."""
        remote = version.remote
        if remote is None:
            self._patiently("sending events", report, lambda: self._has_events(version))
            self._patiently("sending items", report, self._put_items)
            names = (version.name, version.solution, version.recipe, version.mode.value)
            begin = partial(self.personalize.versions.begin, *names)
            remote = self._patiently("ordering the training", report, begin)
        report(Progress(_PHASE), remote)
        self._patiently(_PHASE, report, lambda: self._is_trained(remote))
        return self._measured(remote)

    def stop(self, version: SolutionVersion) -> None:
        """Stop the training there, if it was begun; EngineUnavailable if nobody answers."""
        versions = self.personalize.versions
        remote = version.remote
        if remote is None and self.trains(version):
            remote = versions.find(version.name, version.solution)
        if remote is not None:
            versions.stop(remote)

    def _has_events(self, version: SolutionVersion) -> bool:
        _ = self.personalize.group.tracking_id  # what is wrong for good is raised here
        if self.forwarder.is_through(version.log_offset):
            return True
        self.leases.leading(LEASE, self.forwarder.forward)()
        self.leases.let_go(LEASE)
        return self.forwarder.is_through(version.log_offset)

    def _put_items(self) -> bool:
        schema = self.registry.get(DatasetSchema, dataset_name(DatasetType.ITEMS))
        self.personalize.feeding.put_items(self.catalogue.items(), schema.avro)
        return True

    def _is_trained(self, remote: str) -> bool:
        status, reason = self.personalize.versions.state(remote)
        if status.endswith(FAILED):
            text = f"Amazon Personalize says {status} ({reason}); there it is {remote}"
            raise TrainingFailed(text)
        return status == "ACTIVE"

    def _measured(self, remote: str) -> HeldOutMetrics:
        try:
            return HeldOutMetrics(self.personalize.versions.metrics(remote))
        except EngineUnavailable:
            raise
        except PawsonalizeError as error:  # it can serve all the same
            return HeldOutMetrics({}, error.message)

    def _patiently(self, phase: str, report: Report, done: Callable[[], T]) -> T:
        """Try until the result is true, and again after every time without an answer."""
        while True:
            report(Progress(phase), None)
            pause = self.personalize.check_seconds if phase == _PHASE else _WAIT_SECONDS
            try:
                if result := done():
                    return result
            except EngineUnavailable as error:
                log.warning("training waits", phase=phase, reason=error.message)
                report(Progress(f"{phase}: waiting for an answer"), None)
                pause = max(pause, _WAIT_SECONDS)
            except NotFound as error:
                raise TrainingFailed(error.message) from error
            self.sleep(pause)


class AmazonEngine(msgspec.Struct, frozen=True):
    """See `RemoteEngine`; and what feeds it."""

    personalize: AmazonPersonalize
    forwarder: Forwarder
    training: AmazonTraining
    most_waiting: int = 0

    @property
    def description(self) -> str:
        """Name it and its place, without a call to it."""
        there, place = self.personalize.names, self.personalize.calls.endpoint("personalize")
        return (
            "Amazon Personalize trains and answers for the default dataset group (there"
            f" {there.dataset_group}, at {place})"
        )

    def judged(self, _dataset_group: str, fallback: Model) -> Model:
        """Return the stand-in: a gate goes by the metrics of there."""
        return fallback

    def campaign(self, name: str) -> AmazonCampaign:
        """Return the campaign there behind ours of that name."""
        return AmazonCampaign(self.personalize, name)


def open_engine(
    settings: Settings, registry: Registry, log: EventLog, catalogue: Catalogue, leases: Leases
) -> AmazonEngine:
    """Open the engine. Calls nobody yet."""
    personalize = open_amazon(settings)
    forwarder = Forwarder(
        log,
        registry,
        personalize.feeding,
        personalize.names.group,
        from_the_start=settings.part(AmazonSettings).amazon_history == "send",
        now=clock.now,
    )
    training = AmazonTraining(personalize, registry, catalogue, forwarder, leases)
    return AmazonEngine(personalize, forwarder, training)


def open_amazon(settings: Settings) -> AmazonPersonalize:
    """Amazon Personalize as the settings name it; calls nobody yet."""
    own = settings.part(AmazonSettings)
    calls = Calls(
        own.amazon_region, own.amazon_query_seconds, lambda *call: AMAZON_CALLS.labels(*call).inc()
    )
    return AmazonPersonalize(calls, own.amazon_names, own.amazon_check_seconds)


def check_amazon(settings: Settings) -> None:
    """InvalidInput if Amazon Personalize cannot be called with these settings; calls nobody."""
    if not settings.part(AmazonSettings).uses_amazon:
        return
    if settings.clock_file:
        raise InvalidInput(
            f"the setting clock_file is {settings.clock_file}, and Amazon Personalize knows no time"
            " but its own: leave it out, or `engine: amazon-personalize`",
            field="clock_file",
        )
    for name in _our_own(settings):
        raise InvalidInput(
            f"{name} is {os.environ[name]!r}, which is this very service: with `engine:"
            " amazon-personalize` it would ask itself. Leave it out, or name another service"
        )
    _ = open_amazon(settings).calls.region


def _our_own(settings: Settings) -> Iterator[str]:
    for name in (f"AWS_ENDPOINT_URL{service}" for service in _SERVICES):
        url = urlsplit(os.environ.get(name, ""))
        # A server whose engine is its own `/aws` would ask itself for ever.
        if url.hostname in {settings.host, *(_THIS_MACHINE if settings.is_local else ())}:
            port = url.port or (443 if url.scheme == "https" else 80)
            if port == settings.port:
                yield name


USABLE = (check_amazon,)


def tasks(adapters: Adapters, _services: Services, _shared: None) -> Iterator[Task]:
    """Yield the task that sends new events there."""
    settings = adapters.settings
    if isinstance(adapters.remote, AmazonEngine) and settings.has_role(WORK):
        forward = adapters.leases.leading(LEASE, adapters.remote.forwarder.forward)
        pause = settings.part(AmazonSettings).amazon_forward_seconds
        yield Task("send events to Amazon Personalize", pause, forward)
