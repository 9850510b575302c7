"""Retraining runs, and who works on the one that runs."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, select, true, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert_new
from pawsonalize.storage.tables import retraining_runs

RUNNING = "running"
"""The status of a run that has not ended. Every other status says how it ended."""

_COLUMNS = retraining_runs.c
_RUNS = _COLUMNS.status == RUNNING


@dataclass(frozen=True, slots=True)
class RetrainingRun:
    """One retraining. Only one runs at a time, and whoever works on it holds its lease."""

    run_id: str
    started_at: int
    record: str
    """All that is known of it, as JSON."""
    status: str = RUNNING
    ended_at: int | None = None
    cancel_asked: bool = False
    """Whether somebody asked it to stop."""
    worker: str | None = None
    """Who works on it, or was the last to."""
    worked_ms: int = 0
    """How long it was worked on."""


class RetrainingRuns:
    """The retrainings, ended or running, and who works on the one that runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run: RetrainingRun) -> bool:
        """Store a run; False if its id is taken or another one is running."""
        with self._database.writing() as connection:
            return insert_new(connection, retraining_runs, [asdict(run)]) == 1

    def get(self, run_id: str) -> RetrainingRun | None:
        """One run, or None."""
        return self._first(_COLUMNS.run_id == run_id)

    def running(self) -> RetrainingRun | None:
        """The one that runs, or None."""
        return self._first(_RUNS)

    def newest(self, limit: int) -> list[RetrainingRun]:
        """Runs, the newest first."""
        newest_first = (
            select(retraining_runs)
            .order_by(_COLUMNS.started_at.desc(), _COLUMNS.run_id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(newest_first).mappings()]

    def assign(self, run_id: str, worker: str) -> RetrainingRun | None:
        """Note who works on the run from now on, holding its lease; None if it has ended."""
        return self.get(run_id) if self._update(run_id, true(), worker=worker) else None

    def renew(self, held: RetrainingRun) -> RetrainingRun | None:
        """Store `worked_ms`; the run as it is now, or None if another one works on it."""
        mine = _COLUMNS.worker == held.worker
        renewed = self._update(held.run_id, mine, worked_ms=held.worked_ms)
        return self.get(held.run_id) if renewed else None

    def save(self, held: RetrainingRun) -> bool:
        """Store record, status and `ended_at`; False and no change if another one works on it."""
        return self._update(
            held.run_id,
            _COLUMNS.worker == held.worker,
            record=held.record,
            status=held.status,
            ended_at=held.ended_at,
        )

    def ask_cancel(self, run_id: str) -> bool:
        """Ask the run to stop; False if it is not running."""
        return self._update(run_id, _RUNS, cancel_asked=True)

    def forget(self, ended_before: int) -> int:
        """Delete the runs that ended before that moment; returns how many there were."""
        old = delete(retraining_runs).where(_COLUMNS.ended_at < ended_before)
        with self._database.writing() as connection:
            return connection.execute(old).rowcount

    def _first(self, condition: ColumnElement[bool]) -> RetrainingRun | None:
        with self._database.reading() as connection:
            row = connection.execute(select(retraining_runs).where(condition)).mappings().first()
        return None if row is None else _run(row)

    def _update(self, run_id: str, condition: ColumnElement[bool], **values: Any) -> bool:
        """Change the run if it runs and the condition holds; whether it did."""
        changed = (
            update(retraining_runs)
            .where(_COLUMNS.run_id == run_id, _RUNS, condition)
            .values(values)
        )
        with self._database.writing() as connection:
            return connection.execute(changed).rowcount == 1


def _run(row: RowMapping) -> RetrainingRun:
    return RetrainingRun(**row)
