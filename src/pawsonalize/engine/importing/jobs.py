"""An import as a resource: what was imported when, and what became of it."""

from collections.abc import Callable

from pawsonalize.domain.schemas import DatasetType
from pawsonalize.engine.importing.report import Report
from pawsonalize.engine.names import new_resource_name
from pawsonalize.engine.resources.datasets import DatasetImportJob
from pawsonalize.engine.resources.defaults import dataset_name
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.resource import moved
from pawsonalize.engine.resources.status import Status


def run_import_job(
    registry: Registry,
    dataset_type: DatasetType,
    source: str,
    work: Callable[[], Report],
    now: Callable[[], int],
) -> Report:
    """Do the work as an import job into the default dataset of the type; its failure is raised."""
    dataset = dataset_name(dataset_type)
    job = registry.create(
        DatasetImportJob(
            name=new_resource_name(f"{dataset}-import", now()),
            status=Status.CREATE_IN_PROGRESS,
            dataset=dataset,
            source=source,
        ),
        now(),
    )
    try:
        report = work()
    except BaseException as error:  # an interruption ends it as well
        reason = str(error) or repr(error)
        registry.update(moved(job, Status.CREATE_FAILED, failure_reason=reason), now())
        raise
    done = moved(
        job,
        Status.ACTIVE,
        accepted=report.accepted,
        duplicates=report.duplicates,
        rejected=report.rejected,
    )
    registry.update(done, now())
    return report
