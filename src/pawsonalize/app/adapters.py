"""What settings name, opened and put together: the only place that chooses adapters."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import IO, TYPE_CHECKING

from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.app import databases
from pawsonalize.app.ports import (
    DESTINATIONS,
    LOG_READING,
    NOTIFIERS,
    OFFERS_BOARD,
    REMOTE_ENGINE,
    SEARCHES,
)
from pawsonalize.app.settings import Settings, as_environment, kinds_of_settings
from pawsonalize.core import clock
from pawsonalize.core.database.journal import AuditLog, ProblemTable
from pawsonalize.core.event import EventTypes
from pawsonalize.core.late import made_once
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.plugin import added
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.heartbeats import GONE_SECONDS
from pawsonalize.core.work.leases import LOCAL_LEASE_SECONDS, Leases, held
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.servers import Servers, ServerTable
from pawsonalize.core.work.tables import Turns, WorkTable
from pawsonalize.events.archive.tables import ArchiveIndex, ArchiveLedger
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable, VisitorRows
from pawsonalize.events.tables.event_log import EventLog, GroupDays, GroupSizes
from pawsonalize.events.tables.event_reads import RawEvents
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.access_keys import AccessKeys
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER, ensure_defaults
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion
from pawsonalize.resources.tables import Resources
from pawsonalize.train.trainings import TrainingProcesses

if TYPE_CHECKING:
    from pawsonalize.animals.inventory import AnimalNames, Inventory
    from pawsonalize.events.archive.archiver import Archiver
    from pawsonalize.events.datasets import Datasets
    from pawsonalize.events.erasure.erased_archive import ErasedArchive
    from pawsonalize.events.erasure.erasing import Deletions, Erasing, ErasureSteps
    from pawsonalize.events.ingest import Ingest, Intake
    from pawsonalize.events.job_files import Outputs, Sources
    from pawsonalize.models.recipes.contract import Model
    from pawsonalize.operations.limits import GroupSizing
    from pawsonalize.recommend.animals.available import AvailableAnimalsWatch
    from pawsonalize.recommend.animals.recommender import AnimalRecommender
    from pawsonalize.recommend.campaigns import Directory
    from pawsonalize.recommend.exploration import Exposure, ImpressionLog, UnseenAnswers
    from pawsonalize.recommend.filtering import Filterings, Filters
    from pawsonalize.recommend.groups import GroupRecommender
    from pawsonalize.recommend.live_model import LiveModel, RemoteCampaign, ServingSettings
    from pawsonalize.reports.outcomes_report import OutcomeSources
    from pawsonalize.resources.job_table import JobTable
    from pawsonalize.train.campaigns import Following
    from pawsonalize.train.evidence import Gate
    from pawsonalize.train.refresh import CountRefresher, Untrained
    from pawsonalize.train.retraining.runs import Runs
    from pawsonalize.train.retraining.worker import WorkerProcesses
    from pawsonalize.train.solutions import DatasetGroups, Solutions
    from pawsonalize.train.trainer import Trainer
    from pawsonalize.train.training_data import Sampling
    from pawsonalize.train.versions import SolutionVersions

_OF_RETRAINING = ("recipe", "reranking", "promotion", "gate", "check", "retrain", "campaign")
COMMAND = (sys.executable, "-m", "pawsonalize.app.cli.low_priority")
REPORT_COMMAND = (*COMMAND, "report_outcomes")


# Commands work with a small part of it, so the rest is made, and imported, when it is first used.
class Adapters:
    """What settings name, opened, and what works with it; each object is made once."""

    def __init__(
        self,
        settings: Settings,
        *,
        must_exist: bool = False,
        on_lost: Callable[[str], object] = lambda _lease: None,
    ) -> None:
        """Open it; see `opened`."""
        self.making = RLock()
        """Held while an object is made; it may ask for others."""
        open_database = databases.existing_database if must_exist else databases.made_database
        self.settings, self.database = settings, open_database(settings)
        database = self.database
        self.registry = Registry(Resources(database), settings.max_dataset_groups)
        ensure_defaults(self.registry, settings.recipe, clock.now())
        self.campaigns = Campaigns(self.registry)
        self.artefacts = databases.open_artefacts(settings, database)
        self.objects = open_objects(settings.archive, settings.archive_kms_key)
        # On one machine a lock tells who died; between machines only heartbeats that stop do.
        seconds = LOCAL_LEASE_SECONDS if database.is_local else GONE_SECONDS
        host = "" if database.is_local else None
        self.work, self.audit = WorkTable(database), AuditLog(database)
        self.leases = Leases(self.work, settings.leases_dir, seconds, on_lost=on_lost, host=host)
        self.deliveries = Deliveries(self.work)
        event_types = EventTypes.with_added(settings.event_types)
        self.log = EventLog(database, event_types=event_types, keeps_raw=settings.archive_raw)
        self.catalogue, self.animals = Catalogue(database), Animals(database)
        self.availability, self.exposures = Availability(database), AnimalExposures(database)
        self.impressions, self.ledger = Impressions(database), ArchiveLedger(database)
        self.erasures = ErasureTable(database)
        """Erasures of visitors, done and under way."""
        self.erased = ErasedLookup(database)
        """Lookup of erased visitors, for those who must leave them out."""
        self.remote = REMOTE_ENGINE(settings, self.registry, self.log, self.catalogue, self.leases)
        """Trains and answers in place of this service; None where nothing does."""
        self.reading = LOG_READING(settings, database, self.objects)
        """Counts the log out of core; None where trainings read it into memory."""
        self.trainings = TrainingProcesses(
            self.registry,
            self.artefacts,
            self.leases,
            command=(*COMMAND, "train-version"),
            environment=self.environment,
            stop_remote=(
                (lambda _version: None) if self.remote is None else self.remote.training.stop
            ),
        )

    def release(self) -> None:
        """Give leases back, and let the database go."""
        # The database last: to give leases back is to write.
        self.trainings.close()
        self.leases.close()
        self.database.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of processes beside this one, with all settings."""
        return {**os.environ, **as_environment(self.settings)}

    @property
    def answers_at_once(self) -> bool:
        """True if answers come from this machine alone."""
        # Such answers come so quickly that no thread is worth it.
        return self.database.is_local and self.remote is None

    @property
    def engine(self) -> str:
        """A sentence on what trains and answers, for people."""
        return "this service trains and answers" if self.remote is None else self.remote.description

    def remote_campaign(self, name: str) -> "RemoteCampaign | None":
        """The campaign of the remote engine behind ours of that name."""
        return None if self.remote is None else self.remote.campaign(name)

    @property
    def outcome_sources(self) -> "OutcomeSources":
        """The tables that outcomes reports read."""
        return databases.outcome_tables(self.database, self.log.event_types)

    @made_once
    def inventory(self) -> "Inventory":
        """The inventory of animals."""
        from pawsonalize.animals.inventory import Inventory

        return Inventory(self.animals)

    @made_once
    def animal_names(self) -> "AnimalNames":
        """Finds the groups of animals by their ids."""
        from pawsonalize.animals.inventory import AnimalNames

        return AnimalNames(self.animals, self.catalogue)

    @made_once
    def sampling(self) -> "Sampling":
        """Samples a log for measurements; takes the whole log where that fits in memory."""
        from pawsonalize.train.training_data import whole_log

        return whole_log if self.reading is None else self.reading.sample

    @made_once
    def versions(self) -> "SolutionVersions":
        """Creates, lists and deletes solution versions."""
        from pawsonalize.train.versions import SolutionVersions

        days = GroupDays(self.database)
        return SolutionVersions(
            self.registry, self.log, self.catalogue, self.artefacts, self.erased, days
        )

    @made_once
    def erased_archive(self) -> "ErasedArchive":
        """The archive, read without erased visitors."""
        from pawsonalize.events.erasure.erased_archive import ErasedArchive

        index = ArchiveIndex(self.database)
        return ErasedArchive(self.objects, self.ledger, index, self.erased)

    @made_once
    def archiver(self) -> "Archiver":
        """Archiver, which copies the log into the archive."""
        from pawsonalize.events.archive.archiver import Archiver

        raws = RawEvents(self.database)
        return Archiver(self.log, raws, self.ledger, self.objects, self.erased_archive)

    @made_once
    def solutions(self) -> "Solutions":
        """Creates and changes solutions."""
        from pawsonalize.train.solutions import Solutions

        return Solutions(self.registry, self.log.event_types)

    @made_once
    def dataset_groups(self) -> "DatasetGroups":
        """Creates and changes dataset groups."""
        from pawsonalize.train.solutions import DatasetGroups

        return DatasetGroups(self.registry)

    @made_once
    def datasets(self) -> "Datasets":
        """The datasets of every dataset group."""
        from pawsonalize.events.datasets import Datasets

        return Datasets(self.registry, self.log, self.catalogue)

    @made_once
    def job_sources(self) -> "Sources":
        """The folders and buckets that jobs may read."""
        from pawsonalize.events.job_files import Sources

        settings, shared = self.settings, self.settings.bucket_url("imports")
        return Sources(settings.import_folders, settings.s3_folder, open_objects, shared)

    @made_once
    def job_outputs(self) -> "Outputs":
        """The folders and buckets that jobs may write."""
        from pawsonalize.events.job_files import Outputs

        settings, confirm = self.settings, self.database.confirm_leases
        shared = settings.bucket_url("exports")
        return Outputs(settings.export_folders, settings.s3_folder, open_objects, shared, confirm)

    @made_once
    def filters(self) -> "Filters":
        """Finds and checks filters, stored or written out."""
        from pawsonalize.recommend.filtering import Filters

        return Filters(self.registry, self.catalogue)

    @made_once
    def filterings(self) -> "Filterings":
        """What filters read of each dataset group, kept in memory."""
        from pawsonalize.recommend.filtering import Filterings

        return Filterings(self.log, self.catalogue)

    @made_once
    def directory(self) -> "Directory":
        """Finds dataset groups and campaigns by name or ARN."""
        from pawsonalize.recommend.campaigns import Directory

        return Directory(
            self.registry, partial(databases.read_reference, self.settings), clock.passed
        )

    @made_once
    def access_keys(self) -> AccessKeys:
        """Creates, finds and verifies access keys."""
        return AccessKeys(self.registry, databases.root_key_source(self.settings))

    @made_once
    def runs(self) -> "Runs":
        """The workflow runs; new ones are begun with the settings that decide how they go."""
        from pawsonalize.train.retrained import find_retrained
        from pawsonalize.train.retraining.runs import Runs

        # A run keeps the settings that it began with, whatever changes meanwhile.
        names = (name for name in kinds_of_settings() if name.startswith(_OF_RETRAINING))
        record = {name: self.settings.value(name) for name in names}
        return Runs(self.work, record, partial(find_retrained, self.registry))

    @made_once
    def problems(self) -> Problems:
        """The problems that last, of which people are notified."""
        notice_after = round(self.settings.problem_notice_seconds * SECOND)
        return Problems(ProblemTable(self.database), self.outbox, notice_after)

    @made_once
    def servers(self) -> Servers:
        """A watch of all processes that use the database."""
        return Servers(ServerTable(self.database))

    @made_once
    def outbox(self) -> Outbox:
        """The outbox for the notifiers that a plugin offers."""
        # Notifiers take long to import.
        names = NOTIFIERS(self.settings) or ()
        return Outbox(self.deliveries, names, DESTINATIONS(self) or (lambda _: ()))

    @made_once
    def intake(self) -> "Intake":
        """The count of accepted and refused events; many refusals are a problem."""
        from pawsonalize.events.ingest import Intake

        return Intake(self.problems, self.settings.dead_letter_notice)

    @made_once
    def ingest(self) -> "Ingest":
        """Takes events in, for servers and consumers of streams alike."""
        from pawsonalize.events.ingest import build_ingest
        from pawsonalize.operations.limits import find_limits
        from pawsonalize.recommend.animals.pages import check_board

        return build_ingest(
            *(self.log, self.animals, self.registry, GroupSizes(self.database)),
            reads_are_local=self.database.is_local,
            keeps_raw=self.settings.archive_raw,
            check=partial(check_board, self.impressions),
            limits=partial(find_limits, self.registry),
            workers=self.settings.workers,
        )

    @made_once
    def group_sizing(self) -> "GroupSizing":
        """Counts what dataset groups have stored."""
        from pawsonalize.operations.limits import GroupSizing

        sizes = GroupSizes(self.database)
        return GroupSizing(sizes, self.registry, self.log.head, self.artefacts.sizes)

    @property
    def erasure_steps(self) -> "ErasureSteps":
        """The steps of an erasure: rows, archive, files for trainings, files of jobs."""
        from pawsonalize.events.erasure.erased_archive import ErasureNotes
        from pawsonalize.events.erasure.erasing import ErasureSteps, VisitorFiles
        from pawsonalize.operations.tables import remove_remains
        from pawsonalize.train.kept_rows import ErasedRows

        settings = self.settings
        folders = (*settings.import_folders, *settings.export_folders)
        urls = filter(None, map(settings.bucket_url, ("imports", "exports")))
        rows = ErasedRows(self.registry, self.artefacts, clock.now)
        return ErasureSteps(
            VisitorRows(self.database),
            self.erased_archive,
            [objects(self) for objects in added("visitor_objects")],
            ErasureNotes(self.objects),
            [rows.purge, *(purge(self) for purge in added("purges"))],
            VisitorFiles(self.registry, folders, tuple((url, open_objects(url)) for url in urls)),
            partial(remove_remains, self.database),
        )

    @made_once
    def erasing(self) -> "Erasing":
        """Erases visitors."""
        from pawsonalize.events.erasure.erasing import Erasing

        return Erasing(self.erasures, self.erasure_steps, self.problems, self.leases, clock.now)

    @made_once
    def deletions(self) -> "Deletions":
        """Turns data deletion jobs into erasures."""
        from pawsonalize.events.erasure.erasing import Deletions

        return Deletions(self.registry, self.job_sources, self.erasures, clock.now)

    @made_once
    def jobs(self) -> "JobTable":
        """The jobs in the background."""
        from pawsonalize.events.imports import Exports, Imports
        from pawsonalize.recommend.batch import Batch
        from pawsonalize.recommend.live_model import Loader
        from pawsonalize.resources.datasets import DatasetImportJob
        from pawsonalize.resources.job_table import JobKind, JobTable
        from pawsonalize.resources.jobs import (
            BatchInferenceJob,
            BatchSegmentJob,
            DataDeletionJob,
            DatasetExportJob,
        )

        loader = Loader(self.registry, self.artefacts, self.exposure_counts)
        batch = Batch(self.job_sources, self.job_outputs, self.filters, loader, self.filterings)

        def infer(job: BatchInferenceJob) -> dict[str, object]:
            return batch.infer(job, clock.now())

        def segment(job: BatchSegmentJob) -> dict[str, object]:
            return batch.segment(job, clock.now())

        exports = Exports(self.datasets, self.job_outputs)
        resolve = self.animal_names.resolve
        imports = Imports(self.datasets, self.job_sources, clock.now, resolve=resolve)
        return JobTable(
            registry=self.registry,
            kinds=(
                JobKind(DatasetImportJob, imports.check, imports.perform),
                JobKind(DatasetExportJob, exports.check, exports.perform),
                JobKind(DataDeletionJob, self.deletions.check, None),
                JobKind(BatchInferenceJob, batch.check_inference, infer),
                JobKind(BatchSegmentJob, batch.check_segments, segment),
            ),
            leases=self.leases,
            now=clock.now,
            turns=partial(Turns, self.database),
            stopping=imports.stopping,
        )

    @made_once
    def refresher(self) -> "CountRefresher":
        """Refreshes counts in this very process."""
        from pawsonalize.train.refresh import CountRefresher

        return CountRefresher(self.registry, self.log, self.catalogue, self.artefacts, self.reading)

    @made_once
    def trainer(self) -> "Trainer":
        """Trains in this very process the versions that are created by now."""
        from pawsonalize.train.imported_files import ScoreFiles
        from pawsonalize.train.shown import learn_choices
        from pawsonalize.train.trainer import Trainer

        choices = partial(learn_choices, self.impressions, self.log, self.animals)
        return Trainer(
            self.registry,
            self.log,
            self.catalogue,
            self.artefacts,
            clock.now,
            choices,
            self.reading,
            None if self.remote is None else self.remote.training,
            ScoreFiles(self.job_sources, self.erased),
        )

    @made_once
    def gate(self) -> "Gate":
        """The gate, which judges new versions."""
        from pawsonalize.recommend.live_model import load_model
        from pawsonalize.train.evidence import Gate

        def load(version: SolutionVersion) -> "Model":
            model = load_model(self.artefacts, version)
            if self.remote is None or version.remote is None:
                return model
            return self.remote.judged(self.versions.dataset_group(version), model)

        log, rules = self.log, self.settings.gate
        return Gate(log, self.catalogue, self.versions, load, rules, self.sampling)

    @made_once
    def following(self) -> "Following":
        """Sends campaigns that follow their solution to its newest (gated) version."""
        from pawsonalize.train.campaigns import Following

        refusal = self.gate.refusal if self.settings.campaign_sync_gated else None
        return Following(self.registry, self.campaigns, self.versions, refusal)

    def worker_processes(
        self, output: IO[bytes] | None = None, *, outlive: bool = False
    ) -> "WorkerProcesses":
        """Return the starter of a process for the retraining that has no worker."""
        from pawsonalize.train.retraining.steps import News
        from pawsonalize.train.retraining.worker import WorkerProcesses

        return WorkerProcesses(
            self.work,
            self.leases,
            (*COMMAND, "work"),
            self.environment,
            output,
            outlive=outlive,
            end=News(self.outbox).how_it_ended,
        )

    @made_once
    def exposure_counts(self) -> "Exposure":
        """Counts how often items were shown, for exploration."""
        from pawsonalize.recommend.exploration import Exposure

        return Exposure(self.log, self.catalogue, self.impressions)

    @property
    def serving_settings(self) -> "ServingSettings":
        """How models are served where a campaign says nothing else."""
        from pawsonalize.recommend.live_model import ServingSettings

        settings = self.settings
        return ServingSettings(
            settings.exploration_weight,
            settings.exploration_item_age_cut_off,
            settings.min_provisioned_tps,
        )

    def live_models(self) -> "dict[str, LiveModel]":
        """Return the live model of each campaign that the settings name, by its name."""
        from pawsonalize.recommend.live_model import ServingSettings

        live = {RECOMMENDER: self._explored(RECOMMENDER)}
        if self.settings.reranking_enabled:
            seconds = self.settings.rerank_min_provisioned_tps
            live[RERANKER] = self._live(RERANKER, ServingSettings(min_provisioned_tps=seconds))
        return live

    def live_model(self, name: str) -> "LiveModel":
        """Return the live model of a campaign."""
        from pawsonalize.models.recipes.catalogue import recipe_named
        from pawsonalize.recommend.live_model import ServingSettings

        # Similar items are not explored.
        solution = self.registry.get(Solution, self.campaigns.get(name).solution)
        is_similar = recipe_named(solution.recipe).needs_item
        return self._live(name, ServingSettings()) if is_similar else self._explored(name)

    def _explored(self, name: str) -> "LiveModel":
        from pawsonalize.recommend.exploration import Exposure

        # Each model keeps its own counts.
        exposure = Exposure(self.log, self.catalogue, self.impressions)
        return self._live(name, self.serving_settings, exposure)

    def _live(
        self, name: str, serving: "ServingSettings", exposure: "Exposure | None" = None
    ) -> "LiveModel":
        from pawsonalize.recommend.live_model import LiveModel, Loader

        @contextmanager
        def loading_lock() -> Iterator[bool]:
            # One process of this machine at a time loads another version; others look again soon.
            # The folder itself is the lock, as no file can be made on a disk that is read-only.
            with held(self.settings.data_dir) as lock:
                yield lock is not None

        loader = Loader(self.registry, self.artefacts, exposure, self.remote_campaign(name))
        # More processes than processors do not answer at the same time.
        at_once = min(self.settings.workers, os.cpu_count() or 1)
        return LiveModel(name, self.campaigns, loader, serving, at_once, loading_lock)

    def untrained(self, serving: "ServingSettings") -> "Untrained":
        """Return the recommender by counts, used before the first training."""
        from pawsonalize.train.refresh import Untrained

        return Untrained(self.log, self.catalogue, self.availability, serving, clock.now)

    def watch_available(self) -> "AvailableAnimalsWatch":
        """Return a watch that keeps the available animals in memory."""
        from pawsonalize.recommend.animals.available import AvailableAnimalsWatch

        postcodes = databases.load_postcodes(self.settings)
        return AvailableAnimalsWatch(self.animals, self.availability, self.exposures, postcodes)

    def recommend_animals(
        self,
        group_recommender: "GroupRecommender",
        available: "AvailableAnimalsWatch",
        impressions: "ImpressionLog | UnseenAnswers",
    ) -> "AnimalRecommender":
        """Return what orders individual animals, by the orders of their groups."""
        from pawsonalize.recommend.animals.counting import AnimalEffects
        from pawsonalize.recommend.animals.pages import OpenPages, PageReader
        from pawsonalize.recommend.animals.recommender import AnimalRecommender, never

        return AnimalRecommender(
            group_recommender,
            available,
            self.animals,
            impressions,
            PageReader(self.impressions, self.log, self.animals),
            AnimalEffects(self.impressions, self.log, self.erased),
            self.settings.animals,
            OpenPages(self.impressions, self.log, impressions),
            OFFERS_BOARD(self.settings) or never,
            SEARCHES(self),
        )


@contextmanager
def opened(
    settings: Settings,
    *,
    must_exist: bool = False,
    on_lost: Callable[[str], object] = lambda _lease: None,
) -> Iterator[Adapters]:
    """Open the adapters that the settings name, while the block runs.

    Data folder and database are made if need be; with `must_exist` nothing is, and NotFound says
    where we looked. `on_lost` gets the name of a lease that another process has taken over.
    """
    adapters = Adapters(settings, must_exist=must_exist, on_lost=on_lost)
    try:
        yield adapters
    finally:
        adapters.release()
