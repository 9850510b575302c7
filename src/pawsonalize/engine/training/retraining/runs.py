"""Beginning, reading and cancelling workflow runs; what doors and commands see of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pawsonalize.domain.errors import Conflict, NotFound
from pawsonalize.domain.times import iso
from pawsonalize.engine.training.retrained import EVERYTHING, Part
from pawsonalize.engine.training.retraining.record import (
    Record,
    Trigger,
    begun,
    read_record,
    write_record,
)
from pawsonalize.storage.workflow_runs import WorkflowRun, WorkflowRuns


@dataclass(frozen=True, slots=True)
class Runs:
    """Workflow runs over their table; `settings` are those a new run is begun with.

    `check` raises for a part of which there is nothing to retrain.
    """

    rows: WorkflowRuns
    settings: Any
    check: Callable[[Part], object] = lambda part: part

    def begin(
        self, trigger: Trigger, now: int, as_of: int | None = None, part: Part = EVERYTHING
    ) -> Record:
        """Begin a run now, as of now or of the given moment; Conflict while another one runs.

        NotFound or InvalidInput for a part of which there is nothing to retrain.
        """
        self.check(part)
        record = self._new(_run_id(now), trigger, now, as_of, part)
        if not self.rows.begin(_row(record)):
            running = self.rows.running()
            name = running.run_id if running else record.run_id
            raise Conflict(
                f"{name} is not finished, and one retraining runs at a time: follow it with"
                f" `pawsonalize runs watch {name}`, or end it with `pawsonalize runs cancel {name}`"
            )
        return record

    def begin_tick(self, tick: int, now: int) -> bool:
        """Begin the run of a tick of the schedule, once; False while another one runs.

        True as well if the tick's run was begun before, here or by another server.
        """
        record = self._new(_run_id(tick), Trigger.SCHEDULE, now, None)
        return self.rows.begin(_row(record)) or self.rows.get(record.run_id) is not None

    def get(self, run_id: str) -> Record:
        """One run; NotFound if there is none of that id."""
        return read_record(self._row(run_id))

    def newest(self, limit: int) -> list[Record]:
        """Runs, the newest first."""
        return [read_record(row) for row in self.rows.newest(limit)]

    def cancel(self, run_id: str) -> Record:
        """Ask a run to stop; it does so within seconds, or after the step that it is in.

        Raises NotFound for an unknown run, Conflict for one that has ended.
        """
        if not self.rows.ask_cancel(run_id):
            ended = read_record(self._row(run_id))
            raise Conflict(f"{run_id} has ended already: it is {ended.status}")
        return self.get(run_id)

    def _new(
        self, run_id: str, trigger: Trigger, now: int, as_of: int | None, part: Part = EVERYTHING
    ) -> Record:
        as_of = now if as_of is None else as_of
        return begun(run_id, trigger, as_of, now, self.settings, part)

    def _row(self, run_id: str) -> WorkflowRun:
        row = self.rows.get(run_id)
        if row is None:
            raise NotFound(f"there is no workflow run {run_id}: `pawsonalize runs ls` lists them")
        return row


def _run_id(moment: int) -> str:
    """The run's name, by its moment: `retrain-20261124T030000000Z`."""
    return "retrain-" + iso(moment).replace("-", "").replace(":", "").replace(".", "")


def _row(record: Record) -> WorkflowRun:
    return WorkflowRun(record.run_id, record.started_at, write_record(record))
