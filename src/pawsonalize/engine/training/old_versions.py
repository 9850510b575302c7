"""Old solution versions are deleted with their models."""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from pawsonalize.domain.errors import Conflict, NotFound
from pawsonalize.engine.training.retraining.record import RETRAINING, read_record
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.resource import Status
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.storage.work import WorkTable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class VersionRetention:
    """Keeps the newest ACTIVE versions of each solution, `keep` of them; 0 keeps all.

    Besides them it keeps what somebody still names: the versions that a campaign serves, served
    before, is to serve or follows, those of the run that runs and of jobs in work, those that train
    and their bases.
    """

    registry: Registry
    versions: SolutionVersions
    work: WorkTable
    keep: int

    def delete_old(self) -> int:
        """Delete what is not kept; returns how many versions those were."""
        deleted = 0
        for solution in list(self.registry.all(Solution)) if self.keep else ():
            for version in self._old(solution):
                try:
                    self.versions.delete(version.name)
                except (Conflict, NotFound):  # it is needed after all, or another server was faster
                    continue
                deleted += 1
                log.info("old version deleted", solution_version=version.name)
        return deleted

    def _old(self, solution: Solution) -> list[SolutionVersion]:
        # Newest first; those that failed are counted by themselves.
        versions = list(self.registry.all(SolutionVersion, parent=solution.name))
        settled = [one for one in versions if one.status.is_settled]
        active = [one for one in settled if one.status is Status.ACTIVE]
        failed = [one for one in settled if one.status is not Status.ACTIVE]
        old = active[self.keep :] + failed[self.keep :]
        needed = set(self._named(versions)) if old else set()
        return [one for one in old if one.name not in needed]

    def _named(self, versions: list[SolutionVersion]) -> Iterator[str]:
        for campaign in self.registry.all(Campaign):
            yield from campaign.versions
            if campaign.latest_update is not None:
                yield campaign.latest_update.solution_version
            if campaign.followed is not None:
                yield campaign.followed
        if (run := self.work.open(RETRAINING)) is not None:
            yield from (half.solution_version for half in read_record(run).halves)
        for kind in (BatchInferenceJob, BatchSegmentJob):
            for job in self.registry.all(kind):
                if not job.status.is_settled:
                    yield job.solution_version
        yield from (one.base for one in versions if one.base and not one.status.is_settled)
