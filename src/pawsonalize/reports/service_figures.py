"""Figures of the whole service for `/metrics`, the same from any process or machine."""

from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.work.problems import Deliveries
from pawsonalize.events.archive.tables import ArchiveLedger
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.recommend.campaigns import entries
from pawsonalize.resources import jobs
from pawsonalize.resources.datasets import DatasetImportJob
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.retraining.runs import Fate, Runs

_NEWEST_RUNS = 200
_JOBS: Mapping[str, type[Resource]] = {
    "trainings": SolutionVersion,
    "imports": DatasetImportJob,
    "exports": jobs.DatasetExportJob,
    "batch_inference": jobs.BatchInferenceJob,
    "batch_segments": jobs.BatchSegmentJob,
    "data_deletions": jobs.DataDeletionJob,
}


class RunFigures(msgspec.Struct, frozen=True):
    """The retraining runs that are kept.

    `newest_end` is when the newest run of each outcome ended, in ms since 1970. `verdicts` has the
    result of each campaign's newest retraining (a `Fate`), by dataset group and campaign.
    """

    by_status: Mapping[str, int]
    newest_end: Mapping[str, int]
    verdicts: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, runs: Runs) -> "RunFigures":
        """Read the newest runs; more than one a day is rare, and older ones are deleted."""
        records = runs.newest(_NEWEST_RUNS)
        newest_end: dict[str, int] = {}
        verdicts: dict[tuple[str, str], str] = {}
        for record in records:
            if record.ended_at is not None:
                newest_end.setdefault(record.status, record.ended_at)
            for half in record.halves:
                if half.fate is not Fate.OPEN:
                    verdicts.setdefault((half.dataset_group, half.campaign), half.fate.value)
        return cls(Counter(record.status for record in records), newest_end, verdicts)


class ServiceFigures(msgspec.Struct, frozen=True):
    """The figures of a moment.

    `models` says as of when the model of each dataset group and campaign is, in ms since 1970.
    `animals` is the inventory by status. `queues` is how much waits or is in work: events for the
    archive, notifications that are not delivered, trainings and jobs.
    """

    models: Mapping[tuple[str, str], int]
    runs: RunFigures
    animals: Mapping[str, int]
    queues: Mapping[str, int]


class FigureSources(msgspec.Struct, frozen=True):
    """Reads them, in a dozen small queries."""

    registry: Registry
    runs: Callable[[], RunFigures]
    animals: Animals
    deliveries: Deliveries
    log: EventLog
    ledger: ArchiveLedger

    def read(self) -> ServiceFigures:
        """The figures as they are now."""
        models: dict[tuple[str, str], int] = {}
        for entry in entries(self.registry):
            name = entry.campaign.solution_version
            version = None if name is None else self.registry.find(SolutionVersion, name)
            if version is not None and not entry.is_stopped:
                models[entry.dataset_group, entry.name] = version.as_of
        return ServiceFigures(
            models=models,
            runs=self.runs(),
            animals=self.animals.count_by_status(),
            queues={
                "archive": max(0, self.log.head() - self.ledger.archived_through()),
                "notifications": self.deliveries.count_undelivered(),
                **{name: len(self.registry.unsettled(kind)) for name, kind in _JOBS.items()},
            },
        )
