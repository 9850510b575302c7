"""The steps that decide and change what is served: the gate, then the winners' campaigns."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
from msgspec.structs import replace

from pawsonalize.engine.training.evaluating.evidence import Gate
from pawsonalize.engine.training.retraining.fates import PAUSE_SECONDS, attempt_half, conclude
from pawsonalize.engine.training.retraining.record import (
    Fate,
    Half,
    RunRecord,
    Step,
    move_on,
    with_half,
)
from pawsonalize.engine.training.retraining.worker import Later
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.evaluation.metrics import NDCG_AT_5
from pawsonalize.kinds.campaign_updates import Campaigns
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.resource import Status


@dataclass(frozen=True, slots=True)
class Judging:
    """Asks the gate about each version, for each campaign apart.

    Models are compared as of the run's moment.
    """

    versions: SolutionVersions
    campaigns: Campaigns
    gate: Gate

    def judge_next(self, record: RunRecord, _now: int) -> RunRecord | Later:
        """Judge the next version; after the last one, go on to the campaigns of the winners."""
        half = next((each for each in record.open_halves() if each.decision is None), None)
        if half is None:
            return move_on(record, Step.UPDATE_CAMPAIGNS)
        judged = attempt_half(half, partial(self._judged, as_of=record.as_of))
        pause = PAUSE_SECONDS if judged.decision is None and judged.fate is Fate.OPEN else 0
        return Later(with_half(record, judged), pause)

    def _judged(self, half: Half, as_of: int) -> Half:
        new = self.versions.get(half.solution_version)
        name = self.campaigns.get(half.campaign).target_version
        live = None if name is None else self.versions.get(name)
        judged = self.gate.judge(new, live, as_of)
        if judged is None:
            reason = f"the gate has no questions for {new.recipe}: it goes live unjudged"
            return replace(half, reason=reason, decision={"promoted": True, "reason": reason})
        evidence, decision = judged
        return replace(
            half,
            fate=Fate.OPEN if decision.promoted else Fate.NOT_PROMOTED,
            reason=decision.reason,
            metrics=new.metrics if evidence is None else {NDCG_AT_5: evidence.ndcg_at_5.mean},
            live_version=name,
            evidence=None if evidence is None else msgspec.to_builtins(evidence),
            decision=msgspec.to_builtins(decision),
        )


_PATIENT_CHECKS = 3


@dataclass(frozen=True, slots=True)
class PromotionSteps:
    """Campaign updates. `serve` makes this process load what a campaign asks for, and say so.

    Servers do that by themselves. Without a server, nobody else would settle the update.
    """

    campaigns: Campaigns
    serve: Callable[[str, int], object]
    check_seconds: float
    checks: int

    def update(self, record: RunRecord, now: int) -> RunRecord | Later:
        """Point the winners' campaigns at their new versions, unless you changed them meanwhile."""
        for half in record.open_halves():
            record = with_half(record, attempt_half(half, partial(self._updated, now=now)))
        statuses = {half.campaign_status for half in record.open_halves()}
        if "" in statuses:
            return Later(record, PAUSE_SECONDS)
        if statuses:
            return move_on(record, Step.AWAIT_CAMPAIGNS)
        return conclude(record)

    def await_all(self, record: RunRecord, now: int) -> RunRecord | Later:
        """See whether the campaigns serve their new versions; one that never does has failed."""
        for half in record.open_halves():
            record = with_half(record, attempt_half(half, partial(self._looked_at, now=now)))
        if record.open_halves():
            return Later(record, self.check_seconds)
        return conclude(record)

    def _updated(self, half: Half, now: int) -> Half:
        campaign = self.campaigns.get(half.campaign)
        live = campaign.target_version
        if live == half.solution_version:  # cut off after the update
            return replace(half, campaign_status=_update_status(campaign))
        if live != half.live_version:
            reason = (
                f"campaign {half.campaign} was pointed at {live} after the comparison, and is left"
                f" as it is; {half.solution_version} can be served by hand"
            )
            return replace(half, fate=Fate.FAILED, reason=reason)
        # If somebody changes the campaign meanwhile, this is a Conflict: look again.
        updated = self.campaigns.update(
            half.campaign, half.solution_version, now, expected_revision=campaign.revision
        )
        return replace(half, campaign_status=_update_status(updated))

    def _looked_at(self, half: Half, now: int) -> Half:
        campaign = self.campaigns.get(half.campaign)
        half = replace(half, campaign_checks=half.campaign_checks + 1)
        if campaign.solution_version == half.solution_version:
            warning = campaign.latest_update.warning if campaign.latest_update else None
            return replace(
                half,
                fate=Fate.PROMOTED,
                campaign_status=Status.ACTIVE.value,
                campaign_warning=warning,
            )
        half = replace(half, campaign_status=_update_status(campaign))
        if reason := self._failure(half, campaign):
            return replace(half, fate=Fate.FAILED, reason=reason)
        if half.campaign_checks > _PATIENT_CHECKS:
            self.serve(half.campaign, now)
        return half

    def _failure(self, half: Half, campaign: Campaign) -> str | None:
        """Return why the campaign will never serve the version; None while it may."""
        update = campaign.latest_update
        if update is None or update.solution_version != half.solution_version:
            return f"campaign {half.campaign} was pointed elsewhere meanwhile"
        if update.status.is_settled:
            return f"campaign {half.campaign} serves on what it did: {update.failure_reason}"
        if half.campaign_checks >= self.checks:
            return f"campaign {half.campaign} did not take {half.solution_version} up in time"
        return None


def _update_status(campaign: Campaign) -> str:
    return "" if campaign.latest_update is None else campaign.latest_update.status.value
