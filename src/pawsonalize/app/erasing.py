"""Erasures, over the adapters."""

from functools import partial

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.archive.objects import open_objects
from pawsonalize.engine.training.erased_rows import ErasedRows
from pawsonalize.engine.upkeep.deletions import Deletions
from pawsonalize.engine.upkeep.erasing import Erasing, ErasureSteps
from pawsonalize.engine.upkeep.erasures import ErasureNotes
from pawsonalize.engine.upkeep.visitor_files import VisitorFiles
from pawsonalize.settings import Settings
from pawsonalize.storage.erasing.remains import remove_remains
from pawsonalize.storage.erasing.visitor_rows import VisitorRows
from pawsonalize.wing import added


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
