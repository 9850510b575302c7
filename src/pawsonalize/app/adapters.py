"""Adapters of the settings: the only place that chooses databases, stores and remote engines."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from pawsonalize.animals.tables.animals import AnimalExposures, Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.app import databases
from pawsonalize.app.ports import DESTINATIONS, LOG_READING, NOTIFIERS, REMOTE_ENGINE
from pawsonalize.app.settings import Settings, as_environment, kinds_of_settings
from pawsonalize.core import clock
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.journal import AuditLog, ProblemTable
from pawsonalize.core.event import EventTypes
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.times import SECOND
from pawsonalize.core.work.heartbeats import GONE_SECONDS
from pawsonalize.core.work.leases import LOCAL_LEASE_SECONDS, Leases
from pawsonalize.core.work.problems import Deliveries, Outbox, Problems
from pawsonalize.core.work.servers import Servers, ServerTable
from pawsonalize.core.work.tables import WorkTable
from pawsonalize.events.archive.tables import ArchiveIndex, ArchiveLedger
from pawsonalize.events.erasure.tables import ErasedLookup, ErasureTable
from pawsonalize.events.tables.event_log import EventLog, GroupDays
from pawsonalize.events.tables.event_reads import RawEvents
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.access_keys import AccessKeys
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.defaults import ensure_defaults
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.tables import Resources
from pawsonalize.train.trainings import TrainingProcesses

if TYPE_CHECKING:
    from pawsonalize.animals.inventory import Inventory
    from pawsonalize.events.archive.archiver import Archiver
    from pawsonalize.events.datasets import Datasets
    from pawsonalize.events.erasure.erased_archive import ErasedArchive
    from pawsonalize.events.ingest import Intake
    from pawsonalize.events.job_files import Sources
    from pawsonalize.recommend.campaigns import Directory
    from pawsonalize.recommend.filtering import Filters
    from pawsonalize.recommend.live_model import RemoteCampaign
    from pawsonalize.reports.outcomes_report import OutcomeSources
    from pawsonalize.train.refresh import CountRefresher
    from pawsonalize.train.retraining.runs import Runs
    from pawsonalize.train.solutions import DatasetGroups, Solutions
    from pawsonalize.train.trainer import RemoteEngine, Trainer
    from pawsonalize.train.training_data import LogReading, Sampling
    from pawsonalize.train.versions import SolutionVersions

_OF_RETRAINING = ("recipe", "reranking", "promotion", "gate", "check", "retrain", "campaign")
COMMAND = (sys.executable, "-m", "pawsonalize.app.cli.low_priority")


class Adapters(msgspec.Struct, frozen=True):
    """The tables and folders that settings name, opened."""

    settings: Settings
    database: Database
    log: EventLog
    catalogue: Catalogue
    animals: Animals
    impressions: Impressions
    availability: Availability
    exposures: AnimalExposures
    registry: Registry
    campaigns: Campaigns
    ledger: ArchiveLedger
    erasures: ErasureTable
    """Erasures of visitors, done and under way."""
    erased: ErasedLookup
    """Lookup of erased visitors, for those who must leave them out."""
    audit: AuditLog
    """Log of changes, with those who made them."""
    deliveries: Deliveries
    artefacts: ArtefactStore
    objects: ObjectStore
    trainings: TrainingProcesses
    work: WorkTable
    leases: Leases
    reading: "LogReading | None"
    """Counts the log out of core; None where trainings read it into memory."""
    remote: "RemoteEngine | None"
    """Trains and answers in place of this service; None where nothing does."""

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
    def outcomes(self) -> "OutcomeSources":
        """The tables that outcomes reports read."""
        return databases.outcome_tables(self.database, self.log.event_types)

    @property
    def inventory(self) -> "Inventory":
        """The inventory of animals."""
        from pawsonalize.animals.inventory import Inventory

        return Inventory(self.animals)

    @property
    def exposed(self) -> "tuple[Inventory, AnimalExposures]":
        """Animals and how often they were shown, for reports."""
        return self.inventory, AnimalExposures(self.database)

    @property
    def sampling(self) -> "Sampling":
        """Samples a log for measurements; takes the whole log where that fits in memory."""
        from pawsonalize.train.training_data import whole_log

        return whole_log if self.reading is None else self.reading.sample

    @property
    def versions(self) -> "SolutionVersions":
        """Creates, lists and deletes solution versions."""
        from pawsonalize.train.versions import SolutionVersions

        days = GroupDays(self.database)
        return SolutionVersions(
            self.registry, self.log, self.catalogue, self.artefacts, self.erased, days
        )

    @property
    def erased_archive(self) -> "ErasedArchive":
        """The archive, read without erased visitors."""
        from pawsonalize.events.erasure.erased_archive import ErasedArchive

        index = ArchiveIndex(self.database)
        return ErasedArchive(self.objects, self.ledger, index, self.erased)

    @property
    def archiver(self) -> "Archiver":
        """Archiver, which copies the log into the archive."""
        from pawsonalize.events.archive.archiver import Archiver

        raws = RawEvents(self.database)
        return Archiver(self.log, raws, self.ledger, self.objects, self.erased_archive)

    @property
    def solutions(self) -> "Solutions":
        """Creates and changes solutions."""
        from pawsonalize.train.solutions import Solutions

        return Solutions(self.registry, self.log.event_types)

    @property
    def dataset_groups(self) -> "DatasetGroups":
        """Creates and changes dataset groups."""
        from pawsonalize.train.solutions import DatasetGroups

        return DatasetGroups(self.registry)

    @property
    def datasets(self) -> "Datasets":
        """The datasets of every dataset group."""
        from pawsonalize.events.datasets import Datasets

        return Datasets(self.registry, self.log, self.catalogue)

    @property
    def sources(self) -> "Sources":
        """The folders and buckets that jobs may read."""
        from pawsonalize.events.job_files import Sources

        settings, shared = self.settings, self.settings.bucket_url("imports")
        return Sources(settings.import_folders, settings.s3_folder, open_objects, shared)

    @property
    def filters(self) -> "Filters":
        """Finds and checks filters, stored or written out."""
        from pawsonalize.recommend.filtering import Filters

        return Filters(self.registry, self.catalogue)

    @property
    def directory(self) -> "Directory":
        """Finds dataset groups and campaigns by name or ARN."""
        from pawsonalize.recommend.campaigns import Directory

        return Directory(self.registry, partial(_reference, self.settings), clock.passed)

    @property
    def access_keys(self) -> AccessKeys:
        """Creates, finds and verifies access keys."""
        return AccessKeys(self.registry, databases.root_key_source(self.settings))

    @property
    def runs(self) -> "Runs":
        """The workflow runs; new ones are begun with the settings that decide how they go."""
        from pawsonalize.train.retrained import find_retrained
        from pawsonalize.train.retraining.runs import Runs

        # A run keeps the settings that it began with, whatever changes meanwhile.
        names = (name for name in kinds_of_settings() if name.startswith(_OF_RETRAINING))
        record = {name: self.settings.value(name) for name in names}
        return Runs(self.work, record, partial(find_retrained, self.registry))

    @property
    def problems(self) -> Problems:
        """The problems that last, of which people are notified."""
        notice_after = round(self.settings.problem_notice_seconds * SECOND)
        return Problems(ProblemTable(self.database), self.outbox, notice_after)

    @property
    def servers(self) -> Servers:
        """A watch of all processes that use the database."""
        return Servers(ServerTable(self.database))

    @property
    def outbox(self) -> Outbox:
        """The outbox for the notifiers that a plugin offers."""
        # Notifiers take long to import.
        names = NOTIFIERS(self.settings) or ()
        return Outbox(self.deliveries, names, DESTINATIONS(self) or (lambda _: ()))

    @property
    def intake(self) -> "Intake":
        """The count of accepted and refused events; many refusals are a problem."""
        from pawsonalize.events.ingest import Intake

        return Intake(self.problems, self.settings.dead_letter_notice)

    @property
    def refresher(self) -> "CountRefresher":
        """Refreshes counts in this very process."""
        from pawsonalize.train.refresh import CountRefresher

        return CountRefresher(self.registry, self.log, self.catalogue, self.artefacts, self.reading)

    @property
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
            ScoreFiles(self.sources, self.erased),
        )


@contextmanager
def opened(
    settings: Settings,
    *,
    must_exist: bool = False,
    on_lost: Callable[[str], object] = lambda _lease: None,
) -> Iterator[Adapters]:
    """Open the adapters that the settings name, while the block runs.

    Data folder and database are made if need be. With `must_exist` nothing is made, and where
    there is no database the error is NotFound: it says where we looked. `on_lost` gets
    the name of a lease that another process has taken over.
    """
    adapters = _open(settings, must_exist, on_lost)
    try:
        yield adapters
    finally:
        # The database last: to give leases back is to write.
        adapters.trainings.close()
        adapters.leases.close()
        adapters.database.close()


def _open(settings: Settings, must_exist: bool, on_lost: Callable[[str], object]) -> Adapters:
    event_types = EventTypes.with_added(settings.event_types)
    database = (
        databases.existing_database(settings) if must_exist else databases.made_database(settings)
    )
    registry = Registry(Resources(database), settings.max_dataset_groups)
    ensure_defaults(registry, settings.recipe, clock.now())
    artefacts = databases.open_artefacts(settings, database)
    # On one machine a lock tells who died; between machines only heartbeats that stop do.
    seconds = LOCAL_LEASE_SECONDS if database.is_local else GONE_SECONDS
    host = "" if database.is_local else None
    work = WorkTable(database)
    leases = Leases(work, settings.leases_dir, seconds, on_lost=on_lost, host=host)
    objects = open_objects(settings.archive, settings.archive_kms_key)
    log = EventLog(database, event_types=event_types, keeps_raw=settings.archive_raw)
    catalogue = Catalogue(database)
    remote = REMOTE_ENGINE(settings, registry, log, catalogue, leases)
    return Adapters(
        settings=settings,
        database=database,
        log=log,
        catalogue=catalogue,
        animals=Animals(database),
        impressions=Impressions(database),
        availability=Availability(database),
        exposures=AnimalExposures(database),
        registry=registry,
        campaigns=Campaigns(registry),
        ledger=ArchiveLedger(database),
        erasures=ErasureTable(database),
        erased=ErasedLookup(database),
        audit=AuditLog(database),
        deliveries=Deliveries(work),
        artefacts=artefacts,
        objects=objects,
        trainings=TrainingProcesses(
            registry,
            artefacts,
            leases,
            command=(*COMMAND, "train-version"),
            environment={**os.environ, **as_environment(settings)},
            stop_remote=(lambda _version: None) if remote is None else remote.training.stop,
        ),
        remote=remote,
        work=work,
        leases=leases,
        reading=LOG_READING(settings, database, objects),
    )


def _reference(settings: Settings, text: str) -> tuple[type[Resource], str] | None:
    if not text.startswith("arn:"):
        return None
    from pawsonalize.aws.arn import Arns

    return Arns(settings.aws_region, settings.aws_account_id).resource(text)
