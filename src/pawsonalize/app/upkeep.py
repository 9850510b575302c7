"""Work on tables and files: jobs, erasures, the archive, and the deletion of what is old."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec.structs import replace

from pawsonalize.animals.inventory import AnimalNames
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.tenants import group_sizing
from pawsonalize.aws.events import read_raw_call
from pawsonalize.aws.raw_calls import is_raw_call
from pawsonalize.core import clock
from pawsonalize.core.event import Event
from pawsonalize.core.logs import get_logger
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import added, parts
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.tables import Turns
from pawsonalize.core.work.tasks import (
    HOUSEKEEPING,
    LOOK_SECONDS,
    UPKEEP_SECONDS,
    Task,
    at_the_moment,
)
from pawsonalize.events.archive.archiver import Archiver, Compaction
from pawsonalize.events.archive.replay import Reader
from pawsonalize.events.erasure.erased_archive import ErasureNotes
from pawsonalize.events.erasure.erasing import Deletions, Erasing, ErasureSteps, VisitorFiles
from pawsonalize.events.erasure.tables import VisitorRows
from pawsonalize.events.event_form import read_event, single
from pawsonalize.events.imports import Exports, Imports
from pawsonalize.events.ingest import group_at
from pawsonalize.events.job_files import Outputs
from pawsonalize.events.tables.event_log import GroupDays
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.operations import retention
from pawsonalize.operations.tables import remove_remains, tidy
from pawsonalize.recommend.batch import Batch
from pawsonalize.recommend.exploration import Exposure
from pawsonalize.recommend.filtering import Filterings
from pawsonalize.recommend.live_model import Loader
from pawsonalize.reports.exposure_report import report_unjoined
from pawsonalize.reports.metric_attributions import MetricAttributions
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.job_table import JobKind, JobTable
from pawsonalize.resources.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.train.kept_rows import ErasedRows
from pawsonalize.train.retraining.runs import RETRAINING
from pawsonalize.train.versions import delete_old_versions

_JOB_SECONDS = 0.5
_REPORT_SECONDS = 60.0
_SIZES_SECONDS = 30.0
_JOINED_SECONDS = 600.0
_DAYS_AT_ONCE = 20  # a long archive of before is compacted in parts, so that other work has turns
_JOBS = (DatasetImportJob, DatasetExportJob, BatchInferenceJob, BatchSegmentJob, DataDeletionJob)

log = get_logger()


class UpkeepParts:
    """The parts that do jobs, erase visitors, archive events and delete what is old."""

    def __init__(self, adapters: Adapters, filterings: Filterings, problems: Problems) -> None:
        self._adapters, self._problems = adapters, problems
        self.archiver = adapters.archiver
        self.erasing = erasing(adapters)
        self.deletions = make_deletions(adapters)
        self.jobs = background_jobs(adapters, filterings)
        self.attributions = MetricAttributions(
            adapters.registry,
            adapters.log,
            adapters.catalogue,
            adapters.impressions,
            job_outputs(adapters),
            adapters.settings.attribution_seconds,
        )
        self._stopping = threading.Event()
        self._tidying = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
        self._kinds = [kind for kind in self.jobs.kinds if kind.perform is not None]
        self._working = ThreadPoolExecutor(len(self._kinds) + 1, thread_name_prefix="jobs")

    def tasks(self) -> Iterator[Task]:
        """Yield the background tasks of the role `work`; one server alone does some of them."""
        adapters, settings = self._adapters, self._adapters.settings
        once = partial(adapters.leases.leading, HOUSEKEEPING)
        for kind in self._kinds:
            do = partial(self.jobs.work, kind)
            yield Task(f"do a {kind.resource.kind}", _JOB_SECONDS, do, self._working)
        yield Task("begin data deletion jobs", LOOK_SECONDS, self.deletions.look)
        yield Task("erase visitors", _JOB_SECONDS, once(self.erasing.work), self._working)
        reports = min(settings.attribution_seconds, _REPORT_SECONDS)
        measure = once(at_the_moment(self.attributions.report_due))
        yield Task("report metrics", reports, measure)
        sizing = once(at_the_moment(group_sizing(adapters).count))
        yield Task("count what dataset groups have", _SIZES_SECONDS, sizing, self._tidying)
        for name, work in upkeep(adapters, self._stopping.is_set):
            yield Task(name, UPKEEP_SECONDS, once(work), self._tidying)
        unjoined = partial(report_unjoined, adapters.impressions, adapters.log, self._problems)
        yield Task("join events to answers", _JOINED_SECONDS, once(at_the_moment(unjoined)))
        archiving = once(partial(archive_new, self.archiver))
        yield Task("archive new", settings.archive_seconds, archiving)

    def stop(self) -> None:
        """Tell work that has begun to end at its next step; returns at once."""
        self._stopping.set()
        self.jobs.stopping.set()
        self.erasing.stop()

    def close(self) -> None:
        """Wait until work that was told to end has ended."""
        self._tidying.shutdown(cancel_futures=True)
        self._working.shutdown(cancel_futures=True)


def archive_new(archiver: Archiver) -> None:
    """Archive new events; those that fail now are archived the next time."""
    if rows := archiver.archive_once():
        log.info("archived", rows=rows)


def erasing(adapters: Adapters) -> Erasing:
    """Return the eraser of visitors, over the adapters."""
    steps, problems = erasure_steps(adapters), adapters.problems
    return Erasing(adapters.erasures, steps, problems, adapters.leases, clock.now)


def erasure_steps(adapters: Adapters) -> ErasureSteps:
    """Return the steps of an erasure: rows, archive, files for trainings, files of jobs."""
    settings = adapters.settings
    folders = (*settings.import_folders, *settings.export_folders)
    urls = filter(None, map(settings.bucket_url, ("imports", "exports")))
    shared = tuple((url, open_objects(url)) for url in urls)
    return ErasureSteps(
        VisitorRows(adapters.database),
        adapters.erased_archive,
        [objects(adapters) for objects in added("visitor_objects")],
        ErasureNotes(adapters.objects),
        [
            ErasedRows(adapters.registry, adapters.artefacts, clock.now).purge,
            *(purge(adapters) for purge in added("purges")),
        ],
        VisitorFiles(adapters.registry, folders, shared),
        partial(remove_remains, adapters.database),
    )


def make_deletions(adapters: Adapters) -> Deletions:
    """Return the part that turns data deletion jobs into erasures."""
    return Deletions(adapters.registry, adapters.sources, adapters.erasures, clock.now)


def job_outputs(adapters: Adapters) -> Outputs:
    """Return the folders and buckets that jobs may write."""
    settings, confirm = adapters.settings, adapters.database.confirm_leases
    shared = settings.bucket_url("exports")
    return Outputs(settings.export_folders, settings.s3_folder, open_objects, shared, confirm)


def background_jobs(adapters: Adapters, filterings: Filterings | None = None) -> JobTable:
    """Return the background jobs; `filterings` are those that answers use too."""
    filterings = filterings or Filterings(adapters.log, adapters.catalogue)
    exposure = Exposure(adapters.log, adapters.catalogue, adapters.impressions)
    batch = Batch(
        adapters.sources,
        job_outputs(adapters),
        adapters.filters,
        Loader(adapters.registry, adapters.artefacts, exposure),
        filterings,
    )
    exports = Exports(adapters.datasets, batch.outputs)
    names = AnimalNames(adapters.animals, adapters.catalogue)
    imports = Imports(adapters.datasets, batch.sources, clock.now, resolve=names.resolve)
    return JobTable(
        registry=adapters.registry,
        kinds=(
            JobKind(DatasetImportJob, imports.check, imports.perform),
            JobKind(DatasetExportJob, exports.check, exports.perform),
            JobKind(DataDeletionJob, make_deletions(adapters).check, None),
            JobKind(
                BatchInferenceJob, batch.check_inference, lambda job: batch.infer(job, clock.now())
            ),
            JobKind(
                BatchSegmentJob, batch.check_segments, lambda job: batch.segment(job, clock.now())
            ),
        ),
        leases=adapters.leases,
        now=clock.now,
        turns=partial(Turns, adapters.database),
        stopping=imports.stopping,
    )


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
    old = partial(delete_old_versions, adapters.versions, adapters.work, settings.keep_versions)
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


def raw_event_reader(adapters: Adapters) -> Reader:
    """Return a function that reads archived raw events, of the JSON API and of Amazon's calls."""
    names = AnimalNames(adapters.animals, adapters.catalogue)
    group_of = partial(group_at, adapters.animals)

    def read(raw: str, was: Event) -> Event:
        if is_raw_call(raw):
            return read_raw_call(raw, was, names)
        found = single(raw.encode())
        # A stream may have said when it took the event, which is not in what it took.
        origin = replace(found.origin, sent_at=found.origin.sent_at or was.sent_at)
        payload = replace(found, origin=origin)
        return read_event(payload, was.received_at, group_of, was.dataset_group)

    return read
