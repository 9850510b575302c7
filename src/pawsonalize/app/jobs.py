"""Background jobs, over the adapters."""

from functools import partial
from pathlib import Path

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.app.tenants import fair_order
from pawsonalize.app.upkeep import deletions_of
from pawsonalize.archive.objects import open_objects
from pawsonalize.engine.ingest.exports import Exports
from pawsonalize.engine.ingest.imports import Imports
from pawsonalize.engine.ingest.job_files import Outputs
from pawsonalize.engine.reporting.metric_attributions import Measuring, MetricAttributions
from pawsonalize.engine.serving.batch import Batch
from pawsonalize.engine.serving.exploration import Exposure
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.served import Loader
from pawsonalize.kinds.datasets import DatasetImportJob
from pawsonalize.kinds.job_table import JobKind, JobTable
from pawsonalize.kinds.jobs import (
    BatchInferenceJob,
    BatchSegmentJob,
    DataDeletionJob,
    DatasetExportJob,
)
from pawsonalize.settings import Settings


def outputs_of(settings: Settings, adapters: Adapters) -> Outputs:
    """Where jobs may write."""
    s3_root = Path(settings.s3_root).absolute() if settings.s3_root else None
    shared = settings.bucket_url("exports")
    confirm = adapters.database.confirm_leases
    return Outputs(settings.export_folders, s3_root, open_objects, shared, confirm)


def metric_attributions(settings: Settings, adapters: Adapters) -> MetricAttributions:
    """The metric attributions."""
    measuring = Measuring(
        adapters.registry,
        adapters.log,
        adapters.catalogue,
        adapters.impressions,
    )
    seconds = settings.attribution_seconds
    return MetricAttributions(adapters.registry, measuring, outputs_of(settings, adapters), seconds)


def background_jobs(
    settings: Settings, adapters: Adapters, filterings: Filterings | None = None
) -> JobTable:
    """The background jobs; `filterings` are those that answers use too."""
    filterings = filterings or Filterings(adapters.log, adapters.catalogue)
    exposure = Exposure(adapters.log, adapters.catalogue, adapters.impressions)
    batch = Batch(
        adapters.sources(settings),
        outputs_of(settings, adapters),
        adapters.filters,
        Loader(adapters.registry, adapters.artefacts, exposure),
        adapters.log,
        adapters.catalogue,
        filterings,
    )
    exports = Exports(adapters.datasets, batch.outputs, adapters.caught_up_datasets)
    imports = Imports(adapters.datasets, batch.sources, clock.now)
    return JobTable(
        registry=adapters.registry,
        kinds=(
            JobKind(DatasetImportJob, imports.check, imports.perform),
            JobKind(DatasetExportJob, exports.check, exports.perform),
            JobKind(DataDeletionJob, deletions_of(settings, adapters).check, None),
            JobKind(
                BatchInferenceJob,
                batch.check_inference,
                lambda job: batch.infer(job, clock.now()),
            ),
            JobKind(
                BatchSegmentJob, batch.check_segments, lambda job: batch.segment(job, clock.now())
            ),
        ),
        leases=adapters.leases,
        now=clock.now,
        order=partial(fair_order, adapters),
        stopping=imports.stopping,
    )
