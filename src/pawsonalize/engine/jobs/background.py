"""All kinds of jobs but imports: created once they are known to be possible, and who does them."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pawsonalize.domain.errors import Conflict
from pawsonalize.engine.erasing.deletions import Deletions
from pawsonalize.engine.jobs.exports import Exports
from pawsonalize.engine.jobs.inference import Inference
from pawsonalize.engine.jobs.segments import Segments
from pawsonalize.engine.jobs.worker import Worker
from pawsonalize.engine.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.resource import ResourceT

_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class BackgroundJobs:
    """The jobs of a registry. Those of a kind are done one after the other, in any server."""

    registry: Registry
    exports: Exports
    deletions: Deletions
    inference: Inference
    segments: Segments
    folder: Path
    now: Callable[[], int]
    stopping: threading.Event = field(default_factory=threading.Event)

    def create(self, job: ResourceT) -> ResourceT:
        """Write down what to do; CREATE PENDING. InvalidInput for what cannot be done."""
        checks: Mapping[type, Callable[[Any], None]] = {
            DatasetExportJob: self.exports.check,
            DataDeletionJob: self.deletions.check,
            BatchInferenceJob: self.inference.check,
            BatchSegmentJob: self.segments.check,
        }
        checks[type(job)](job)
        return self.registry.create(job, self.now())

    def delete(self, kind: type[ResourceT], name: str) -> ResourceT:
        """Forget a job that is done; its files stay. Conflict while it is in work."""
        job = self.registry.get(kind, name)
        if not job.status.is_settled:
            raise Conflict(f"{kind.kind} {name} is {job.status}: wait, then delete it")
        self.registry.delete(kind, name)
        return job

    def finish(self, job: ResourceT) -> ResourceT:
        """Do the job here, or wait for the server that does it; returns it settled."""
        worker = next(one for one in self.workers if one.kind is type(job))
        while not (job := self.registry.get(type(job), job.name)).status.is_settled:
            if not worker.work():
                time.sleep(_LOOK_SECONDS)
        return job

    @cached_property
    def workers(self) -> tuple[Worker[Any], ...]:
        """Who does them, one for each kind."""
        return (
            self._worker(DatasetExportJob, self.exports.perform),
            self._worker(DataDeletionJob, self.deletions.perform),
            self._worker(BatchInferenceJob, lambda job: self.inference.perform(job, self.now())),
            self._worker(BatchSegmentJob, lambda job: self.segments.perform(job, self.now())),
        )

    def _worker(
        self, kind: type[ResourceT], perform: Callable[[ResourceT], Mapping[str, Any]]
    ) -> Worker[ResourceT]:
        folder = self.folder / kind.kind.replace(" ", "-")
        return Worker(self.registry, kind, perform, folder, self.now, self.stopping)
