"""The background jobs over the adapters."""

from pathlib import Path

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.archive.objects import open_objects
from pawsonalize.engine.attribution.attributions import MetricAttributions
from pawsonalize.engine.attribution.measuring import Measuring
from pawsonalize.engine.campaigns.serving import Loader
from pawsonalize.engine.erasing.deletions import Deletions
from pawsonalize.engine.exposure import Exposure
from pawsonalize.engine.filters.filterings import Filterings
from pawsonalize.engine.jobs.background import BackgroundJobs
from pawsonalize.engine.jobs.batch import Batch
from pawsonalize.engine.jobs.exports import Exports
from pawsonalize.engine.jobs.inference import Inference
from pawsonalize.engine.jobs.outputs import Outputs
from pawsonalize.engine.jobs.segments import Segments
from pawsonalize.settings import Settings


def erasing(settings: Settings, adapters: Adapters) -> Deletions:
    """What erases users."""
    return Deletions(
        adapters.registry,
        adapters.import_jobs(settings).sources,
        adapters.log,
        adapters.catalogue,
        adapters.impressions,
        adapters.objects,
        adapters.ledger,
        clock.now,
    )


def metric_attributions(
    settings: Settings, adapters: Adapters, outputs: Outputs
) -> MetricAttributions:
    """What measures and reports them."""
    measuring = Measuring(
        adapters.registry,
        adapters.log,
        adapters.catalogue,
        adapters.impressions,
    )
    seconds = settings.attribution_seconds
    return MetricAttributions(adapters.registry, measuring, outputs, seconds)


def background_jobs(
    settings: Settings, adapters: Adapters, filterings: Filterings | None = None
) -> BackgroundJobs:
    """What creates and does them; `filterings` are those that answers use too."""
    filterings = filterings or Filterings(adapters.log, adapters.catalogue)
    s3_root = Path(settings.s3_root).absolute() if settings.s3_root else None
    batch = Batch(
        adapters.import_jobs(settings).sources,
        Outputs(settings.export_folders, s3_root, open_objects),
        adapters.filters,
    )
    loader = Loader(
        adapters.registry,
        adapters.artefacts,
        Exposure(adapters.log, adapters.catalogue, adapters.impressions),
    )
    return BackgroundJobs(
        registry=adapters.registry,
        exports=Exports(adapters.datasets, batch.outputs),
        deletions=erasing(settings, adapters),
        inference=Inference(batch, loader, adapters.log, adapters.catalogue, filterings),
        segments=Segments(batch, loader, adapters.log, adapters.catalogue, filterings),
        folder=settings.jobs_dir,
        now=clock.now,
    )
