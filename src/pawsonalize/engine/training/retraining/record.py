"""The record of a retraining run as one JSON document, which is also its state."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from pawsonalize.domain.errors import (
    CorruptArtefact,
    InvalidInput,
    NotFound,
    PawsonalizeError,
    StorageUnavailable,
)
from pawsonalize.engine.training.retrained import EVERYTHING, Part
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.work.tables import Work

RETRAINING = "retraining"
"""The kind of runs in the work table."""
CANCELLING = "cancelling"
"""The state of a run that somebody has cancelled and that has not ended."""


# A worker that takes the run over goes on from its `step`. Moments are milliseconds since 1970.
class Step(StrEnum):
    """The states of a run, in the order of a run that goes well."""

    CHECK_DATA = "check-data"
    CREATE_VERSIONS = "create-versions"
    AWAIT_VERSIONS = "await-versions"
    EVALUATE = "evaluate"
    UPDATE_CAMPAIGNS = "update-campaigns"
    AWAIT_CAMPAIGNS = "await-campaigns"
    STOP_TRAINING = "stop-training"
    NOTIFY = "notify"


class RunOutcome(StrEnum):
    """Outcome of a run."""

    PROMOTED = "promoted"
    NOT_PROMOTED = "not-promoted"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"


class Trigger(StrEnum):
    """Cause of a run."""

    SCHEDULE = "schedule"
    COMMAND = "command"
    API = "api"
    SITE = "site"
    FIRST = "first"


class Fate(StrEnum):
    """Result for one campaign's new solution version."""

    OPEN = "open"
    PROMOTED = "promoted"
    NOT_PROMOTED = "not-promoted"
    SKIPPED = "skipped"
    FAILED = "failed"


# Campaigns of one solution share a version; `solution_version` is empty if none is trained.
# `errors` are those after which a step was tried again.
class Half(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign's share of the run: the version it gets, or why it gets none."""

    campaign: str
    solution_version: str
    # Both are empty in the first runs' records, which knew only the default group, in which a
    # solution has its campaign's name.
    solution: str = ""
    dataset_group: str = ""
    fate: Fate = Fate.OPEN
    reason: str = ""
    errors: tuple[str, ...] = ()
    trainings: int = 0
    training_status: str = ""
    training_progress: str = ""
    metrics: Mapping[str, float] = {}
    # The new one was compared with it; the campaign is updated only while it serves this one.
    live_version: str | None = None
    evidence: Mapping[str, Any] | None = None
    decision: Mapping[str, Any] | None = None
    campaign_checks: int = 0
    campaign_status: str = ""
    campaign_warning: str | None = None


class StepTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Time of one step, errors after which it was tried again, workers that took it up."""

    step: Step
    began_at: int
    ended_at: int | None = None
    errors: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


# `part` is the part of all campaigns that this run retrains. `left_out` are campaigns that do not
# ask for it, with the reason. `outcome` is None until it is known, `ended_at` until nothing is left
# to do.
class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A run: its inputs, what each step found, and how it ended."""

    run_id: str
    trigger: Trigger
    as_of: int
    started_at: int
    step: Step = Step.CHECK_DATA
    outcome: RunOutcome | None = None
    reason: str = ""
    ended_at: int | None = None
    log_offset: int | None = None
    part: Part = EVERYTHING
    settings: Mapping[str, Any] = {}
    left_out: Mapping[str, str] = {}
    findings: tuple[Mapping[str, Any], ...] = ()
    halves: tuple[Half, ...] = ()
    steps: tuple[StepTiming, ...] = ()

    @property
    def status(self) -> str:
        """`running`, or the outcome once the run has ended."""
        return "running" if self.ended_at is None or self.outcome is None else self.outcome.value

    def open_halves(self) -> list[Half]:
        """The halves whose fate is open."""
        return [half for half in self.halves if half.fate is Fate.OPEN]


def begun(
    run_id: str, trigger: Trigger, as_of: int, now: int, settings: Any, part: Part = EVERYTHING
) -> RunRecord:
    """A run before its first step."""
    first = StepTiming(step=Step.CHECK_DATA, began_at=now)
    return RunRecord(
        run_id=run_id,
        trigger=trigger,
        as_of=as_of,
        started_at=now,
        part=part,
        settings=msgspec.to_builtins(settings),
        steps=(first,),
    )


def settled(record: RunRecord, outcome: RunOutcome, reason: str, step: Step) -> RunRecord:
    """The record with its outcome, on its way to the end."""
    return replace(record, outcome=outcome, reason=reason, step=step)


def note_times(record: RunRecord, now: int) -> RunRecord:
    """The record with the times of its steps: one ends now, the next begins."""
    *before, last = record.steps
    if record.ended_at is not None:
        return replace(record, steps=(*before, replace(last, ended_at=record.ended_at)))
    if last.step is record.step:
        return record
    begins = StepTiming(step=record.step, began_at=now)
    return replace(record, steps=(*before, replace(last, ended_at=now), begins))


def with_step(record: RunRecord, **changes: Any) -> RunRecord:
    """The record with changes in its present step."""
    *before, last = record.steps
    return replace(record, steps=(*before, replace(last, **changes)))


def with_half(record: RunRecord, half: Half) -> RunRecord:
    """The record with this half in place of the same campaign's."""
    halves = (half if each.campaign == half.campaign else each for each in record.halves)
    return replace(record, halves=tuple(halves))


def run_lease(run_id: str) -> str:
    """The name of the run in the work table, and of the lease that its worker holds."""
    return f"{RETRAINING}.{run_id}"


def read_record(run: Work) -> RunRecord:
    """The record of a stored run; CorruptArtefact if it is not one."""
    try:
        return msgspec.json.decode(run.payload, type=RunRecord)
    except msgspec.MsgspecError as error:
        raise CorruptArtefact(f"the record of {run.key} cannot be read: {error}") from error


def as_work(record: RunRecord) -> Work:
    """The run as it is stored when it begins."""
    new = Work(run_lease(record.run_id), RETRAINING, created_at=record.started_at)
    return msgspec.structs.replace(new, **changes_of(record))


def changes_of(record: RunRecord) -> dict[str, Any]:
    """The columns of the work table that follow from the record."""
    changes: dict[str, Any] = {"payload": msgspec.json.encode(record).decode()}
    if record.ended_at is not None:
        changes |= {"state": record.status, "ended_at": record.ended_at}
    return changes


# A step that goes wrong for one campaign is tried so often before that campaign has failed.
MAX_ERRORS = 5
PAUSE_SECONDS = 1.0

log = structlog.get_logger()


def attempt_half(half: Half, work: Callable[[Half], Half]) -> Half:
    """The half after the work; an error fails it alone, but StorageUnavailable is raised."""
    try:
        return work(half)
    except StorageUnavailable:
        raise
    except Exception as error:  # whatever it is, the other campaigns go on
        known = isinstance(error, PawsonalizeError)
        log.warning("failed", campaign=half.campaign, exc_info=None if known else error)
        text = error.message if isinstance(error, PawsonalizeError) else repr(error)
        half = replace(half, errors=(*half.errors, text))
        # What is wrong with the input stays wrong; any other error may pass.
        hopeless = isinstance(error, InvalidInput | NotFound)
        if hopeless or len(half.errors) >= MAX_ERRORS:
            return replace(half, fate=Fate.FAILED, reason=text)
        return half


def conclude(record: RunRecord) -> RunRecord:
    """The record with the outcome of all halves, ready for the notification."""
    fates = {half.fate for half in record.halves}
    # A failure is named first: somebody has to look, whatever else went well.
    order = (Fate.FAILED, Fate.PROMOTED, Fate.NOT_PROMOTED)
    worst = next((fate for fate in order if fate in fates), Fate.SKIPPED)
    return settled(record, RunOutcome(worst.value), _reasons(record, fates), Step.NOTIFY)


def label(half: Half) -> str:
    """The campaign, and its dataset group if that is not the default one."""
    if half.dataset_group in {"", DATASET_GROUP}:
        return half.campaign
    return f"{half.campaign} (dataset group {half.dataset_group})"


def describe_finding(finding: Mapping[str, Any]) -> str:
    """Return the finding's text, with its dataset group unless that is the default one."""
    message = str(finding["message"])
    group = finding.get("dataset_group")
    return message if group is None else f"dataset group {group}: {message}"


def join_names(names: Iterable[str]) -> str:
    """Names in a sentence: one, one and another, or several."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _reasons(record: RunRecord, fates: set[Fate]) -> str:
    """Each reason once, with its campaigns; reasons for skipping only if all were skipped."""
    about: dict[str, list[str]] = {}
    for half in record.halves:
        if half.fate is not Fate.SKIPPED or fates == {Fate.SKIPPED}:
            about.setdefault(half.reason, []).append(label(half))
    if fates == {Fate.SKIPPED} and len(about) == 1:
        return next(iter(about))
    return " ".join(f"{', '.join(names)}: {reason}" for reason, names in about.items())
