"""An import is a resource: what came in from where, or why it did not."""

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.csv_files import ImportReport
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.work.leases import Leases
from pawsonalize.events.imports import run_import_job
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.kind import Status
from pawsonalize.resources.registry import Registry
from tests.event_data import T0


def test_an_import_job_keeps_what_became_of_the_rows(registry: Registry, leases: Leases) -> None:
    report = ImportReport(DatasetType.ITEMS, 7, 2, 1, ())

    def work() -> ImportReport:
        (running,) = registry.all(DatasetImportJob, parent="pawsonalize-items")
        assert running.status is Status.CREATE_IN_PROGRESS
        return report

    given = run_import_job(registry, leases, "pawsonalize-items", "items.csv", work, lambda: T0)
    assert given == report
    (job,) = registry.all(DatasetImportJob, parent="pawsonalize-items")
    assert (job.status, job.source) == (Status.ACTIVE, "items.csv")
    assert (job.accepted, job.duplicates, job.rejected) == (7, 2, 1)


@pytest.mark.parametrize("error", [InvalidInput("no such column"), KeyboardInterrupt()])
def test_an_import_that_fails_or_is_interrupted_says_so(
    registry: Registry, leases: Leases, error: BaseException
) -> None:
    def work() -> ImportReport:
        raise error

    with pytest.raises(type(error)):
        run_import_job(registry, leases, "pawsonalize-users", "users.csv", work, lambda: T0)
    (job,) = registry.all(DatasetImportJob)
    assert (job.status, job.failure_reason) == (Status.CREATE_FAILED, str(error) or repr(error))
