"""The steps of a retraining, each with its work, and the notifications of a run."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter

import msgspec
from msgspec.structs import replace

from pawsonalize.core.errors import NotFound, TooManyRequests
from pawsonalize.core.notifications import Notification, NotificationKind
from pawsonalize.core.work.problems import Outbox
from pawsonalize.models.evaluation.metrics import NDCG_AT_5
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Campaigns
from pawsonalize.train.evidence import Gate
from pawsonalize.train.retraining.checking import Checking
from pawsonalize.train.retraining.runs import (
    PAUSE_SECONDS,
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    Step,
    attempt_half,
    conclude,
    describe_finding,
    join_names,
    label,
    with_half,
)
from pawsonalize.train.retraining.worker import Later, StepWork
from pawsonalize.train.trainings import TrainingProcesses
from pawsonalize.train.versions import SolutionVersions


class Judging(msgspec.Struct, frozen=True):
    """Asks the gate about each version, for each campaign apart, as of the run's moment."""

    versions: SolutionVersions
    campaigns: Campaigns
    gate: Gate

    def judge_next(self, record: RunRecord, _now: int) -> RunRecord | Later:
        """Judge the next version; after the last one, go on to the campaigns of the winners."""
        half = next((each for each in record.open_halves() if each.decision is None), None)
        if half is None:
            return replace(record, step=Step.UPDATE_CAMPAIGNS)
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


# Looks after which the campaign is loaded here, since perhaps no server runs that does it.
_PATIENT_CHECKS = 3


class PromotionSteps(msgspec.Struct, frozen=True):
    """Campaign updates; `serve` loads what a campaign asks for, where no server does that.

    `ask` lets visitors judge a campaign's new version beside the one that serves, and says so; None
    if it is to go live at once.
    """

    campaigns: Campaigns
    serve: Callable[[str, int], object]
    check_seconds: float
    checks: int
    ask: Callable[[str, str, str, int], str | None] = lambda *_: None

    def update(self, record: RunRecord, now: int) -> RunRecord | Later:
        """Point the winners' campaigns at their new versions, unless you changed them meanwhile."""
        for half in record.open_halves():
            record = with_half(record, attempt_half(half, partial(self._updated, now=now)))
        statuses = {half.campaign_status for half in record.open_halves()}
        if "" in statuses:
            return Later(record, PAUSE_SECONDS)
        return replace(record, step=Step.AWAIT_CAMPAIGNS) if statuses else conclude(record)

    def await_all(self, record: RunRecord, now: int) -> RunRecord | Later:
        """See whether the campaigns serve their new versions; one that never does has failed."""
        for half in record.open_halves():
            record = with_half(record, attempt_half(half, partial(self._looked_at, now=now)))
        return Later(record, self.check_seconds) if record.open_halves() else conclude(record)

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
        if live is not None:
            asked = self.ask(half.campaign, live, half.solution_version, now)
            if asked is not None:
                return replace(half, fate=Fate.NOT_PROMOTED, reason=asked)
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


# A training whose process dies is started so often again before its half has failed.
MAX_TRAININGS = 3


def in_turns(halves: Sequence[Half]) -> list[Half]:
    """One half of each dataset group after the other."""
    # So no group waits for all of another.
    seen = Counter[str]()
    rounds = []
    for half in halves:
        rounds.append(seen[half.dataset_group])
        seen[half.dataset_group] += 1
    return [half for _, half in sorted(zip(rounds, halves, strict=True), key=itemgetter(0))]


class Training(msgspec.Struct, frozen=True):
    """Trains solution versions, each in a process of its own, at most `at_once` at a time."""

    versions: SolutionVersions
    processes: TrainingProcesses
    check_seconds: float
    at_once: int = 2

    def create(self, record: RunRecord, now: int) -> RunRecord:
        """Create versions and start their trainings; existing ones are left alone."""
        return replace(self._begun(record, now), step=Step.AWAIT_VERSIONS)

    def await_all(self, record: RunRecord, now: int) -> RunRecord | Later:
        """Look at the trainings; when all have ended, go on to judge the ACTIVE versions."""
        for half in record.open_halves():
            if half.trainings:
                record = with_half(record, attempt_half(half, partial(self._looked_at, now=now)))
        record = self._begun(record, now)
        open_halves = record.open_halves()
        if any(half.training_status != Status.ACTIVE for half in open_halves):
            return Later(record, self.check_seconds)
        return replace(record, step=Step.EVALUATE) if open_halves else conclude(record)

    def _begun(self, record: RunRecord, now: int) -> RunRecord:
        """Start as many trainings as there is room for; campaigns of one solution share one."""
        create = partial(self._created, run=record.run_id, as_of=record.as_of, now=now)
        for half in in_turns(record.open_halves()):
            under_way = {
                each.solution_version
                for each in record.open_halves()
                if each.trainings and each.training_status != Status.ACTIVE
            }
            # Another campaign of a solution that is in training takes no place of its own.
            if half.trainings or len(under_way - {half.solution_version}) >= self.at_once:
                continue
            record = with_half(record, attempt_half(half, create))
        return record

    def _created(self, half: Half, run: str, as_of: int, now: int) -> Half:
        name, solution = half.solution_version, half.solution or half.campaign
        try:
            quick = self.versions.first_settings(solution)
            self.versions.create(solution, as_of=as_of, now=now, name=name, run=run, settings=quick)
        except TooManyRequests as error:  # no fault of the run: the next one is due soon enough
            return replace(half, fate=Fate.SKIPPED, reason=error.message, solution_version="")
        self.processes.start(half.solution_version, now)
        return replace(half, trainings=1)

    def stop(self, record: RunRecord, now: int) -> RunRecord:
        """Stop what still trains, and leave nothing half-written."""
        for half in record.halves:
            try:
                version = self.processes.look(half.solution_version, now)
            # The run ended before it was created.
            except NotFound:
                continue
            if not version.status.is_settled:
                version = self.processes.stop(version.name, now)
            record = with_half(record, replace(half, training_status=version.status.value))
        return replace(record, step=Step.NOTIFY)

    def _looked_at(self, half: Half, now: int) -> Half:
        version = self.processes.look(half.solution_version, now)
        if version.status in {Status.CREATE_PENDING, Status.CREATE_FAILED}:
            if half.trainings >= MAX_TRAININGS:
                starts = f"{MAX_TRAININGS} starts: {version.failure_reason}"
                reason = f"{version.name} could not be trained in {starts}"
                status = version.status
                return replace(half, fate=Fate.FAILED, reason=reason, training_status=status)
            version = self.processes.start(version.name, now)
            half = replace(half, trainings=half.trainings + 1)
        if version.status in {Status.CREATE_STOPPING, Status.CREATE_STOPPED}:
            reason = f"somebody stopped the training of {version.name}"
            return replace(half, fate=Fate.FAILED, reason=reason, training_status=version.status)
        progress = "" if version.progress is None else version.progress.text
        return replace(half, training_status=version.status.value, training_progress=progress)


_SUBJECTS = {
    RunOutcome.PROMOTED: "Retrained: {promoted} went live",
    RunOutcome.NOT_PROMOTED: "Retrained: nothing new went live",
    RunOutcome.SKIPPED: "Not retrained: nothing to do",
    RunOutcome.FAILED: "Retraining failed",
    RunOutcome.CANCELLED: "Retraining cancelled",
    RunOutcome.TIMED_OUT: "Retraining took too long",
}


class News(msgspec.Struct, frozen=True):
    """Puts notifications of a run into the outbox: each once, however often its step runs."""

    outbox: Outbox

    def training_started(self, record: RunRecord, now: int) -> None:
        """Notify that solution versions are being trained."""
        names = dict.fromkeys(half.solution_version for half in record.open_halves())
        if not names:
            return
        subject = "Retraining started"
        text = f"{record.run_id} trains {join_names(names)}."
        self._tell(record, NotificationKind.TRAINING_STARTED, subject, text, now)

    def how_it_ended(self, record: RunRecord, now: int) -> RunRecord:
        """Notify of the outcome; then nothing is left to do."""
        assert record.outcome is not None
        promoted = join_names(label(half) for half in _promoted(record))
        subject = _SUBJECTS[record.outcome].format(promoted=promoted)
        if record.outcome is RunOutcome.FAILED and promoted:
            subject = f"Retraining failed in part: {promoted} went live"
        warnings = (one for one in record.findings if one["severity"] == "warning")
        details = f"Everything about it: pawsonalize runs show {record.run_id}"
        lines = (record.reason, *map(describe_finding, warnings), details)
        text = "\n".join(filter(None, lines))
        self._tell(record, NotificationKind(record.outcome.value), subject, text, now)
        for half in _promoted(record):
            text = f"Campaign {label(half)} serves {half.solution_version} now."
            about = f"Campaign {label(half)} updated"
            self._tell(record, NotificationKind.CAMPAIGN_UPDATED, about, text, now, half.campaign)
            if warning := half.campaign_warning:
                kind, about = NotificationKind.CAPACITY_WARNING, f"Campaign {label(half)} is slow"
                self._tell(record, kind, about, warning, now, half.campaign)
        return replace(record, ended_at=now)

    def _tell(
        self,
        record: RunRecord,
        kind: NotificationKind,
        subject: str,
        text: str,
        now: int,
        about: str = "",
    ) -> None:
        # The same name each time, so that a step that runs again tells nothing twice.
        name = f"{record.run_id}:{kind.value}" + (f":{about}" if about else "")
        details = {half.campaign: _details(half) for half in record.halves}
        self.outbox.enqueue(Notification(name, kind, subject, text, now, record.run_id, details))


def _promoted(record: RunRecord) -> Iterator[Half]:
    return (half for half in record.halves if half.fate is Fate.PROMOTED)


def _details(half: Half) -> dict[str, object]:
    verdicts = (half.decision or {}).get("verdicts", ())
    return {
        "dataset_group": half.dataset_group or DATASET_GROUP,
        "solution_version": half.solution_version,
        "live_version": half.live_version,
        "fate": half.fate.value,
        "reason": half.reason,
        "rules": [
            {name: str(verdict[name]) for name in ("rule", "outcome", "message")}
            for verdict in verdicts
        ],
    }


def steps(
    checking: Checking, training: Training, judging: Judging, promotion: PromotionSteps, news: News
) -> Mapping[Step, StepWork]:
    """The work of every step."""

    def create(record: RunRecord, now: int) -> RunRecord:
        created = training.create(record, now)
        news.training_started(created, now)
        return created

    return {
        Step.CHECK_DATA: checking.check,
        Step.CREATE_VERSIONS: create,
        Step.AWAIT_VERSIONS: training.await_all,
        Step.EVALUATE: judging.judge_next,
        Step.UPDATE_CAMPAIGNS: promotion.update,
        Step.AWAIT_CAMPAIGNS: promotion.await_all,
        Step.STOP_TRAINING: training.stop,
        Step.NOTIFY: news.how_it_ended,
    }
