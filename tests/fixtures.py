"""Open tables in a temporary folder, for what the engine asks of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.animals.tables.animals import Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.database.database import Database
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.ingest import Ingest
from pawsonalize.events.tables.event_log import EventLog, GroupDays
from pawsonalize.recommend.live_model import LiveModel, Loader, ServingSettings
from pawsonalize.recommend.tables import Impressions
from pawsonalize.resources.artefacts import ArtefactStore, FolderArtefacts
from pawsonalize.resources.defaults import RECOMMENDER, ensure_defaults
from pawsonalize.resources.registry import Campaigns, Registry
from pawsonalize.resources.tables import Resources
from pawsonalize.train.trainer import Trainer
from pawsonalize.train.versions import SolutionVersions
from tests.event_data import T0
from tests.releases import Release


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")
    yield database
    database.close()


@pytest.fixture
def log(database: Database) -> EventLog:
    return EventLog(database)


@pytest.fixture
def animals(database: Database) -> Animals:
    return Animals(database)


@pytest.fixture
def ingest(log: EventLog, animals: Animals) -> Iterator[Ingest]:
    ingest = Ingest(log, animals, reads_are_local=True)
    yield ingest
    ingest.close()


@pytest.fixture
def availability(database: Database) -> Availability:
    return Availability(database)


@pytest.fixture
def catalogue(database: Database) -> Catalogue:
    return Catalogue(database)


@pytest.fixture
def shown(database: Database) -> Impressions:
    return Impressions(database)


@pytest.fixture
def artefacts(tmp_path: Path) -> ArtefactStore:
    return FolderArtefacts(tmp_path / "models")


@pytest.fixture
def registry(database: Database) -> Registry:
    """With the resources that every installation has."""
    registry = Registry(Resources(database))
    ensure_defaults(registry, "popularity-count", T0)
    return registry


@pytest.fixture
def campaigns(registry: Registry) -> Campaigns:
    return Campaigns(registry)


@pytest.fixture
def versions(
    registry: Registry,
    log: EventLog,
    catalogue: Catalogue,
    artefacts: ArtefactStore,
    database: Database,
) -> SolutionVersions:
    days = GroupDays(database)
    return SolutionVersions(registry, log, catalogue, artefacts, ErasedLookup(database), days)


@pytest.fixture
def trainer(
    registry: Registry, log: EventLog, catalogue: Catalogue, artefacts: ArtefactStore
) -> Trainer:
    return Trainer(registry, log, catalogue, artefacts, now=lambda: T0)


@pytest.fixture
def live(registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore) -> LiveModel:
    return LiveModel(RECOMMENDER, campaigns, Loader(registry, artefacts), ServingSettings())


@pytest.fixture
def release(registry: Registry, campaigns: Campaigns, artefacts: ArtefactStore) -> Release:
    return Release(registry, campaigns, artefacts)
