"""Notifications of a run: when training starts, and how it ended."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from pawsonalize.domain.notifications import Notification, NotificationKind
from pawsonalize.engine.training.retraining.record import (
    Fate,
    Half,
    RunOutcome,
    RunRecord,
    describe_finding,
    join_names,
    label,
)
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.kinds.problems import Outbox

_SUBJECTS = {
    RunOutcome.PROMOTED: "Retrained: {promoted} went live",
    RunOutcome.NOT_PROMOTED: "Retrained: nothing new went live",
    RunOutcome.SKIPPED: "Not retrained: nothing to do",
    RunOutcome.FAILED: "Retraining failed",
    RunOutcome.CANCELLED: "Retraining cancelled",
    RunOutcome.TIMED_OUT: "Retraining took too long",
}


@dataclass(frozen=True, slots=True)
class News:
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
