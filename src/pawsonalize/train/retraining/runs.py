"""Retraining runs: begun by schedule, by hand or the first time, read and cancelled.

The record of a run is one JSON document, which is also its state: a worker that takes the run over
goes on from its step.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec
from msgspec.structs import replace

from pawsonalize.core.errors import (
    Conflict,
    CorruptArtefact,
    InvalidInput,
    NotFound,
    PawsonalizeError,
    StorageUnavailable,
)
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import iso
from pawsonalize.core.work.tables import Turns, Work, WorkTable
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.group_limits import NEVER
from pawsonalize.resources.registry import Registry
from pawsonalize.train.retrained import EVERYTHING, Part
from pawsonalize.train.retraining.schedule import Schedule

log = get_logger()

RETRAINING = "retraining"
"""The kind of runs in the work table."""
CANCELLING = "cancelling"
"""The state of a run that somebody has cancelled and that has not ended."""


# Moments are milliseconds since 1970.
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
    run_id: str, trigger: Trigger, as_of: int, now: int, settings: object, part: Part = EVERYTHING
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


def with_step(record: RunRecord, **changes: object) -> RunRecord:
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


def changes_of(record: RunRecord) -> dict[str, object]:
    """The columns of the work table that follow from the record."""
    changes: dict[str, object] = {"payload": msgspec.json.encode(record).decode()}
    if record.ended_at is not None:
        changes |= {"state": record.status, "ended_at": record.ended_at}
    return changes


# A step that goes wrong, for the run or for one campaign, is tried so often before that failed.
MAX_ERRORS = 5
PAUSE_SECONDS = 1.0  # before the next try; it doubles for the run


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


def describe_finding(finding: Mapping[str, object]) -> str:
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


class Runs(msgspec.Struct, frozen=True):
    """Retraining runs in the work table; `check` raises if the part has nothing to retrain."""

    work: WorkTable
    settings: Any
    check: Callable[[Part], object] = lambda part: part

    def begin(
        self, trigger: Trigger, now: int, as_of: int | None = None, part: Part = EVERYTHING
    ) -> RunRecord:
        """Begin a run as of a moment, or now; Conflict while one runs. Raises what `check` does."""
        self.check(part)
        moment = now if as_of is None else as_of
        while self.work.find(run_lease(_run_id(now))):  # a clock in a file may stand still
            now += 1
        record = begun(_run_id(now), trigger, moment, now, self.settings, part)
        if not self.work.add([as_work(record)], alone=True):
            running = self.running()
            name = running.run_id if running else record.run_id
            raise Conflict(
                f"{name} is not finished, and one retraining runs at a time: follow it with"
                f" `pawsonalize runs watch {name}`, or end it with `pawsonalize runs cancel {name}`"
            )
        return record

    def begin_tick(self, tick: int, now: int, part: Part = EVERYTHING) -> bool:
        """Begin the run of a tick, once; False while another one runs, True if a server did."""
        group = part.dataset_group
        # The same name on every server, so that a tick begins one run.
        own = "" if group is None else f"-{sha256(group.encode()).hexdigest()[:_OWN_DIGITS]}"
        record = begun(_run_id(tick) + own, Trigger.SCHEDULE, now, now, self.settings, part)
        name = run_lease(record.run_id)
        return self.work.add([as_work(record)], alone=True) or self.work.find(name) is not None

    def get(self, run_id: str) -> RunRecord:
        """One run; NotFound if there is none of that id."""
        row = self.work.find(run_lease(run_id))
        if row is None:
            raise NotFound(f"there is no workflow run {run_id}: `pawsonalize runs ls` lists them")
        return read_record(row)

    def newest(self, limit: int) -> list[RunRecord]:
        """Runs, the newest first."""
        return [read_record(row) for row in self.work.newest(RETRAINING, limit)]

    def running(self) -> RunRecord | None:
        """The run that has not ended, or None."""
        found = self.work.open(RETRAINING)
        return None if found is None else read_record(found)

    def cancel(self, run_id: str) -> RunRecord:
        """Cancel a run, after its current step at the latest; Conflict if it has ended."""
        if not self.work.change(run_lease(run_id), state=CANCELLING):
            raise Conflict(f"{run_id} has ended already: it is {self.get(run_id).status}")
        return self.get(run_id)


_OWN_DIGITS = 6  # all that is left of the longest name that a solution version may have


def _run_id(moment: int) -> str:
    """The run's name, by its moment: `retrain-20261124T030000000Z`."""
    return "retrain-" + iso(moment).replace("-", "").replace(":", "").replace(".", "")


class Timer:
    """Begins the run of a tick when its time has come; one makes up for all that were missed."""

    def __init__(self, runs: Runs, schedule: Schedule, now: int) -> None:
        self._runs, self._schedule = runs, schedule
        # Ticks since the newest run are due, also those at which no server ran.
        last = next((record.started_at for record in runs.newest(1)), now)
        self._seen = min(last, now)

    def look(self, now: int) -> None:
        """Begin the run that is due, if any is and no other one runs."""
        self._seen = min(self._seen, now)  # the clock may jump back
        tick = self._schedule(now)
        if tick is not None and tick > self._seen and self._runs.begin_tick(tick, now):
            self._seen = tick


_GROWTH = 2  # with less news the same data would fail the same way
MAX_BROKEN = 3
_BROKEN = {RunOutcome.FAILED, RunOutcome.TIMED_OUT}


class FirstRun(msgspec.Struct):
    """Begins a run while no model is live and there is something to learn from."""

    runs: Runs
    log: EventLog
    is_live: Callable[[], bool]
    events_needed: int
    since: int  # when this server started
    _is_over: bool = False

    def look(self, now: int) -> None:
        """Begin the run if it is due; returns at once."""
        if self._is_over or self.is_live():
            self._is_over = True
            return
        events = self.log.head()
        if events < self.events_needed:
            return
        last = next(iter(self.runs.newest(1)), None)
        if last is not None and not self._is_worth_another(last, events):
            return
        # The head is that of all dataset groups: count the rows of this one.
        if self.log.rows_through(events) >= self.events_needed:
            with suppress(Conflict):  # another server was faster
                self.runs.begin(Trigger.FIRST, now)

    def _is_worth_another(self, last: RunRecord, events: int) -> bool:
        if last.ended_at is None:
            return False
        known = last.log_offset
        # With so many more events a model may come out where none did.
        if known is not None and events >= known * _GROWTH:
            return True
        newest = [run.outcome for run in self.runs.newest(MAX_BROKEN)]
        # A broken run is tried again after a start of the server, unless so many broke in a row.
        tired = len(newest) == MAX_BROKEN and _BROKEN.issuperset(newest)
        return last.outcome in _BROKEN and last.ended_at < self.since and not tired


TICKS = "ticks of retrainings"
"""The kind of turns whose numbers are ticks."""
_LOOK_SECONDS = 10.0


class GroupTimers(msgspec.Struct):
    """Begins the runs of dataset groups that are due, one at a time and in turns."""

    runs: Runs
    registry: Registry
    ticks: Turns
    turns: Turns
    read: Callable[[str], Schedule | None]
    _until: float = msgspec.field(default=0.0)

    def look(self, now: int) -> None:
        """Begin a run that is due, unless another one runs."""
        if time.monotonic() < self._until:
            return
        self._until = time.monotonic() + _LOOK_SECONDS
        last = self.ticks.last()
        due = [
            (group.name, tick)
            for group in self.registry.all(DatasetGroup)
            if (tick := self._tick(group, now)) is not None
            # One run makes up for all that were missed; none for those of an earlier schedule.
            and tick > last.get(group.name, group.updated_at)
        ]
        for name, tick in self.turns.ordered(due, lambda one: one[0])[:1]:
            if self.runs.begin_tick(tick, now, Part(dataset_group=name)):
                self.ticks.put(name, tick)
                self.turns.begun(name)

    def _tick(self, group: DatasetGroup, now: int) -> int | None:
        schedule = group.limits.retrain_schedule
        if schedule is None or schedule == NEVER:
            return None
        try:
            found = self.read(schedule)
        except PawsonalizeError as error:  # it was checked, so the time zones changed since
            log.error("no schedule", dataset_group=group.name, reason=error.message)
            return None
        return None if found is None else found(now)
