"""Trains versions at a remote engine: sends what they learn from, waits, reads their metrics."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from pawsonalize.domain.errors import EngineUnavailable, NotFound, PawsonalizeError, TrainingFailed
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.training.trainer import HeldOutMetrics, Report
from pawsonalize.kinds.defaults import dataset_name
from pawsonalize.kinds.leases import Leases
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.schemas import DatasetSchema
from pawsonalize.kinds.solutions import Progress, Solution, SolutionVersion
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.wings.remote_amazon.engine import AmazonPersonalize
from pawsonalize.wings.remote_amazon.forwarding import LEASE, Forwarder
from pawsonalize.wings.remote_amazon.versions import FAILED, RECIPES

_WAIT_SECONDS = 1.0
_PHASE = "training at Amazon Personalize"

log = structlog.get_logger()
T = TypeVar("T")


class AmazonTraining(msgspec.Struct, frozen=True):
    """See `RemoteTraining`."""

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
