"""Runs: begun by schedule, by hand or the first time; read and cancelled."""

import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

import msgspec
import structlog

from pawsonalize.domain.errors import Conflict, NotFound, PawsonalizeError
from pawsonalize.domain.times import iso
from pawsonalize.engine.training.retrained import EVERYTHING, Part
from pawsonalize.engine.training.retraining.record import (
    CANCELLING,
    RETRAINING,
    RunOutcome,
    RunRecord,
    Trigger,
    as_work,
    begun,
    read_record,
    run_lease,
)
from pawsonalize.engine.training.retraining.schedule import Schedule
from pawsonalize.kinds.datasets import DatasetGroup
from pawsonalize.kinds.group_limits import NEVER
from pawsonalize.kinds.registry import Registry
from pawsonalize.storage.events.event_log import EventLog
from pawsonalize.work.tables import Turns, WorkTable


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

log = structlog.get_logger()


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
