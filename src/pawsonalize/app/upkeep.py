"""What keeps the disk small, over the adapters: each by its name, to be done again and again."""

from collections.abc import Callable, Iterator
from functools import partial

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.attempts import at_the_moment
from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.times import DAY
from pawsonalize.engine.training.kept_rows import ErasedRows
from pawsonalize.engine.training.retraining.record import RETRAINING
from pawsonalize.engine.training.versions import VersionRetention
from pawsonalize.engine.upkeep.archiver import Compaction
from pawsonalize.engine.upkeep.deletions import Deletions, VisitorFiles
from pawsonalize.engine.upkeep.erased_archive import ErasureNotes
from pawsonalize.engine.upkeep.erasing import Erasing, ErasureSteps
from pawsonalize.engine.upkeep.retention import (
    AnswerRetention,
    ArchiveRetention,
    EventRetention,
    FileRetention,
    GroupEventRetention,
    JobRetention,
    ObjectRetention,
)
from pawsonalize.kinds.datasets import DatasetImportJob
from pawsonalize.kinds.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.settings import Settings
from pawsonalize.storage.events.group_usage import GroupDays
from pawsonalize.storage.events.log_start import LogStart
from pawsonalize.storage.sizes import remove_remains, tidy
from pawsonalize.storage.visitor_rows import VisitorRows
from pawsonalize.wing import added, parts


def erasing(settings: Settings, adapters: Adapters) -> Erasing:
    """Erases visitors."""
    steps = erasure_steps(settings, adapters)
    problems = adapters.problems(settings)
    return Erasing(adapters.erasures, steps, problems, adapters.leases, clock.now)


def erasure_steps(settings: Settings, adapters: Adapters) -> ErasureSteps:
    """What is done for an erasure."""
    folders = (*settings.import_folders, *settings.export_folders)
    urls = filter(None, map(settings.bucket_url, ("imports", "exports")))
    shared = tuple((url, open_objects(url)) for url in urls)
    files = VisitorFiles(adapters.registry, folders, shared)
    return ErasureSteps(
        VisitorRows(adapters.database),
        adapters.erased_archive,
        [objects(adapters) for objects in added("visitor_objects")],
        ErasureNotes(adapters.objects),
        [
            ErasedRows(adapters.registry, adapters.artefacts, clock.now).purge,
            *(purge(adapters) for purge in added("purges")),
        ],
        files.find,
        files.jobs_at_work,
        partial(remove_remains, adapters.database),
    )


def deletions_of(settings: Settings, adapters: Adapters) -> Deletions:
    """Turns data deletion jobs into erasures."""
    sources = adapters.sources(settings)
    return Deletions(adapters.registry, sources, adapters.erasures, clock.now)


_JOBS = (
    DatasetImportJob,
    DatasetExportJob,
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
)
_DAYS_AT_ONCE = 20  # a long archive of before is compacted in parts, so that other work has turns
Upkeep = tuple[str, Callable[[], object]]


def upkeep(
    settings: Settings, adapters: Adapters, stopped: Callable[[], bool] = lambda: False
) -> Iterator[Upkeep]:
    """What is old is deleted, the archive compacted, and what is free given back to the disk."""
    for name, work in _deletions(settings, adapters, stopped):
        yield name, at_the_moment(work)
    yield "give free space back", partial(tidy, adapters.database)


def _deletions(
    settings: Settings, adapters: Adapters, stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    log, ledger, objects = adapters.log, adapters.ledger, adapters.objects
    start = LogStart(adapters.database)
    answers = AnswerRetention(adapters.impressions, settings.impression_days)
    yield "delete old answers", answers.forget_old
    events = EventRetention(log, start, ledger, objects, settings.event_days, stopped)
    yield "let old events leave the table", events.forget_old
    groups = GroupEventRetention(
        log, start, ledger, objects, adapters.registry, settings.event_days, stopped
    )
    yield "let events leave the table early", groups.forget_old
    archived = ArchiveRetention(log, start, ledger, settings.archive_days)
    yield "delete old archive objects", archived.forget_old
    for _, upkeep_of in parts("upkeep"):
        yield from upkeep_of(settings, adapters, stopped)
    sizes = adapters.erased_archive.index.sizes
    compaction = Compaction(ledger, objects, stopped=stopped, sizes=sizes)
    yield "compact the archive", partial(compaction.compact, at_most=_DAYS_AT_ONCE)
    versions = VersionRetention(
        adapters.registry, adapters.versions, adapters.work, settings.keep_versions
    )
    yield "delete old versions", lambda _now: versions.delete_old()
    yield "delete old jobs", JobRetention(adapters.registry, _JOBS, settings.job_days).delete_old
    yield "delete old runs", partial(_forget_runs, settings, adapters)
    yield (
        "delete old audit entries",
        lambda now: adapters.audit.forget(now - settings.audit_days * DAY),
    )
    yield (
        "delete old counts of use",
        lambda now: GroupDays(adapters.database).forget(now // DAY - settings.usage_days),
    )
    for kind, days in (("exports", settings.export_days), ("imports", settings.import_days)):
        yield f"delete old {kind}", _file_retention(settings, kind, days).delete_old
    yield "delete what is left of models", lambda _now: adapters.artefacts.sweep()


def _file_retention(settings: Settings, kind: str, days: int) -> FileRetention | ObjectRetention:
    if url := settings.bucket_url(kind):
        return ObjectRetention(open_objects(url, hurried=True), kind, days)
    (folder,) = settings.job_folders(kind, settings.data_dir)
    return FileRetention(folder, days)


def _forget_runs(settings: Settings, adapters: Adapters, now: int) -> None:
    adapters.work.forget(RETRAINING, now - settings.run_retention_days * DAY)
