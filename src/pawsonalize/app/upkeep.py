"""Work that keeps the disk small: archiving, and the deletion of what is old."""

from collections.abc import Callable, Collection, Iterator
from functools import partial

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.ports import TESTED_VERSIONS
from pawsonalize.core import clock
from pawsonalize.core.logs import get_logger
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import parts
from pawsonalize.core.times import DAY
from pawsonalize.core.work.tasks import at_the_moment
from pawsonalize.events.archive.archiver import Archiver, Compaction
from pawsonalize.events.tables.event_log import GroupDays
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.operations import retention
from pawsonalize.operations.tables import tidy
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.train.retraining.runs import RETRAINING
from pawsonalize.train.versions import delete_old_versions

_DAYS_AT_ONCE = 20  # a long archive of before is compacted in parts, so that other work has turns
_JOBS = (DatasetImportJob, DatasetExportJob, BatchInferenceJob, BatchSegmentJob, DataDeletionJob)

log = get_logger()


def archive_new(archiver: Archiver) -> None:
    """Archive new events; those that fail now are archived the next time."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


def upkeep(
    adapters: Adapters, stopped: Callable[[], bool] = lambda: False
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield name and function of the work that keeps the disk small, such as deletions."""
    for name, work in _deletions(adapters, stopped):
        yield name, at_the_moment(work)
    yield "give free space back", partial(tidy, adapters.database)


def _deletions(
    adapters: Adapters, stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    settings = adapters.settings
    log, ledger, objects = adapters.log, adapters.ledger, adapters.objects
    start = LogStart(adapters.database)
    keep, days = retention.keep_days, settings.impression_days
    answers = partial(retention.delete_answers, adapters.impressions)
    yield "delete old answers", keep(days, "old answers deleted", answers)
    events = retention.EventRetention(log, start, ledger, objects, settings.event_days, stopped)
    yield "let old events leave the table", events.forget_old
    early = partial(retention.forget_early, events, adapters.registry)
    yield "let events leave the table early", early
    days = settings.archive_days
    archived = partial(retention.delete_archived, log, start, ledger, days)
    yield "delete old archive objects", keep(days, "old archive objects let go", archived)
    for _, upkeep_of in parts("upkeep"):
        yield from upkeep_of(adapters, stopped)
    sizes = adapters.erased_archive.index.sizes
    compaction = Compaction(ledger, objects, stopped=stopped, sizes=sizes)
    yield "compact the archive", partial(compaction.compact, at_most=_DAYS_AT_ONCE)
    versions, most = adapters.versions, settings.keep_versions
    tested = partial(_tested_versions, adapters)
    old = partial(delete_old_versions, versions, adapters.work, most, tested)
    yield "delete old versions", lambda _now: old()
    jobs = partial(retention.delete_jobs, adapters.registry, _JOBS)
    yield "delete old jobs", keep(settings.job_days, "old records of jobs deleted", jobs)
    work, run_days = adapters.work, settings.run_retention_days
    yield "delete old runs", lambda now: work.forget(RETRAINING, now - run_days * DAY)
    audit, audit_days = adapters.audit, settings.audit_days
    yield "delete old audit entries", lambda now: audit.forget(now - audit_days * DAY)
    usage, usage_days = GroupDays(adapters.database), settings.usage_days
    yield "delete old counts of use", lambda now: usage.forget(now // DAY - usage_days)
    for kind, days in (("exports", settings.export_days), ("imports", settings.import_days)):
        if url := settings.bucket_url(kind):
            files = partial(retention.delete_objects, open_objects(url, hurried=True))
        else:
            (folder,) = settings.job_folders(kind, settings.data_dir)
            files = partial(retention.delete_files, folder)
        delete_old = keep(days, "old files deleted", files, folder=kind)
        # The dates of files are the machine's, also where the clock is played.
        yield f"delete old {kind}", partial(lambda by, _now: by(clock.real_now()), delete_old)
    yield "delete what is left of models", lambda _now: adapters.artefacts.sweep()


def _tested_versions(adapters: Adapters) -> Collection[str]:
    return TESTED_VERSIONS(adapters) or ()
