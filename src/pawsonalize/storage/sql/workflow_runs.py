"""Workflow runs, and the lease of the one that runs."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, or_, select, update

from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import workflow_runs
from pawsonalize.storage.sql.upsert import insert_new
from pawsonalize.storage.workflow_runs import RUNNING, WorkflowRun

_COLUMNS = workflow_runs.c
_RUNS = _COLUMNS.status == RUNNING


class SqlWorkflowRuns:
    """`WorkflowRuns` on the workflow_runs table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run: WorkflowRun) -> bool:
        """See `WorkflowRuns.begin`."""
        with self._database.writing() as connection:
            return insert_new(connection, workflow_runs, [asdict(run)]) == 1

    def get(self, run_id: str) -> WorkflowRun | None:
        """See `WorkflowRuns.get`."""
        return self._first(_COLUMNS.run_id == run_id)

    def running(self) -> WorkflowRun | None:
        """See `WorkflowRuns.running`."""
        return self._first(_RUNS)

    def newest(self, limit: int) -> list[WorkflowRun]:
        """See `WorkflowRuns.newest`."""
        newest_first = (
            select(workflow_runs)
            .order_by(_COLUMNS.started_at.desc(), _COLUMNS.run_id.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(newest_first).mappings()]

    def claim(self, worker: str, now: int, lease_ms: int) -> WorkflowRun | None:
        """See `WorkflowRuns.claim`."""
        free = or_(
            _COLUMNS.worker.is_(None),
            _COLUMNS.worker == worker,
            _COLUMNS.leased_until <= now,
            _COLUMNS.leased_until > now + lease_ms,
        )
        # Most often nothing is there to claim: then no writer is held up.
        if (found := self._first(and_(_RUNS, free))) is None:
            return None
        unchanged = and_(
            _COLUMNS.worker.is_not_distinct_from(found.worker),
            _COLUMNS.leased_until == found.leased_until,
        )
        lease = {"worker": worker, "leased_until": now + lease_ms}
        return self.get(found.run_id) if self._update(found.run_id, unchanged, **lease) else None

    def renew(self, held: WorkflowRun, now: int, lease_ms: int) -> WorkflowRun | None:
        """See `WorkflowRuns.renew`."""
        lease = {"leased_until": now + lease_ms, "worked_ms": held.worked_ms}
        renewed = self._update(held.run_id, _COLUMNS.worker == held.worker, **lease)
        return self.get(held.run_id) if renewed else None

    def release(self, held: WorkflowRun) -> None:
        """See `WorkflowRuns.release`."""
        self._update(held.run_id, _COLUMNS.worker == held.worker, worker=None, leased_until=0)

    def save(self, held: WorkflowRun) -> bool:
        """See `WorkflowRuns.save`."""
        return self._update(
            held.run_id,
            _COLUMNS.worker == held.worker,
            record=held.record,
            status=held.status,
            ended_at=held.ended_at,
        )

    def ask_cancel(self, run_id: str) -> bool:
        """See `WorkflowRuns.ask_cancel`."""
        return self._update(run_id, _RUNS, cancel_asked=True)

    def forget(self, ended_before: int) -> int:
        """See `WorkflowRuns.forget`."""
        old = delete(workflow_runs).where(_COLUMNS.ended_at < ended_before)
        with self._database.writing() as connection:
            return connection.execute(old).rowcount

    def _first(self, condition: ColumnElement[bool]) -> WorkflowRun | None:
        with self._database.reading() as connection:
            row = connection.execute(select(workflow_runs).where(condition)).mappings().first()
        return None if row is None else _run(row)

    def _update(self, run_id: str, condition: ColumnElement[bool], **values: Any) -> bool:
        """Change the run if it runs and the condition holds; whether it did."""
        changed = (
            update(workflow_runs).where(_COLUMNS.run_id == run_id, _RUNS, condition).values(values)
        )
        with self._database.writing() as connection:
            return connection.execute(changed).rowcount == 1


def _run(row: RowMapping) -> WorkflowRun:
    return WorkflowRun(**row)
