"""The step that decides: each new version against the gate, on held-out events."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec.structs import replace

from pawsonalize.engine.resources.campaign_updates import Campaigns
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.training.evaluating.asking import has_questions
from pawsonalize.engine.training.evaluating.gathering import gather
from pawsonalize.engine.training.retraining.fates import PAUSE_SECONDS, attempted
from pawsonalize.engine.training.retraining.record import Fate, Half, Record, Step, moved, with_half
from pawsonalize.engine.training.retraining.worker import Later
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.evaluation.gate.decision import decide
from pawsonalize.evaluation.gate.settings import GateSettings
from pawsonalize.evaluation.metrics.catalogue import NDCG_AT_5
from pawsonalize.recipes.contract import Model
from pawsonalize.storage.base import Catalogue, EventLog


@dataclass(frozen=True, slots=True)
class Judging:
    """Asks the gate about each version; each campaign's is judged apart.

    `load` reads a version's model. Models are compared as of the run's moment.
    """

    log: EventLog
    catalogue: Catalogue
    versions: SolutionVersions
    campaigns: Campaigns
    load: Callable[[SolutionVersion], Model]
    gate: GateSettings

    def judge_next(self, record: Record, _now: int) -> Record | Later:
        """Judge one version that is not judged yet; then on to the campaigns of the winners."""
        half = next((each for each in record.open_halves() if each.decision is None), None)
        if half is None:
            return moved(record, Step.UPDATE_CAMPAIGNS)
        judged = attempted(half, partial(self._judged, as_of=record.as_of))
        pause = PAUSE_SECONDS if judged.decision is None and judged.fate is Fate.OPEN else 0
        return Later(with_half(record, judged), pause)

    def _judged(self, half: Half, as_of: int) -> Half:
        new = self.versions.get(half.solution_version)
        if not has_questions(new.recipe):
            reason = f"the gate has no questions for {new.recipe}: it goes live unjudged"
            return replace(half, reason=reason, decision={"promoted": True, "reason": reason})
        campaign = self.campaigns.get(half.campaign)
        name = live_version(campaign)
        live = None if name is None else self.versions.get(name)
        group = self.versions.dataset_group(new)
        log, catalogue = self.log.of(group), self.catalogue.of(group)
        evidence = gather(log, catalogue, new, live, trained=self.load(new))
        decision = decide(evidence, self.gate, as_of)
        return replace(
            half,
            fate=Fate.OPEN if decision.promoted else Fate.NOT_PROMOTED,
            reason=decision.reason,
            metrics={**half.metrics, NDCG_AT_5: evidence.ndcg_at_5.mean},
            live_version=name,
            evidence=msgspec.to_builtins(evidence),
            decision=msgspec.to_builtins(decision),
        )


def live_version(campaign: Campaign) -> str | None:
    """What the campaign serves, or is about to: whom a new version has to beat."""
    return campaign.pending.solution_version if campaign.pending else campaign.solution_version
