"""Open tables in a temporary folder, for what the engine asks of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.engine.resources.campaign_updates import Campaigns
from pawsonalize.engine.resources.defaults import RECOMMENDER, ensure_defaults
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.served import Loader, ServingSettings
from pawsonalize.engine.training.trainer import Trainer
from pawsonalize.engine.training.versions import SolutionVersions
from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.sql import (
    Database,
    SqlAnimals,
    SqlCatalogue,
    SqlEventLog,
    SqlImpressions,
    SqlResources,
    SqlSupply,
)
from tests.event_data import T0
from tests.unit.engine.releases import Release


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")
    yield database
    database.close()


@pytest.fixture
def log(database: Database) -> SqlEventLog:
    return SqlEventLog(database)


@pytest.fixture
def animals(database: Database) -> SqlAnimals:
    return SqlAnimals(database)


@pytest.fixture
def supply(database: Database) -> SqlSupply:
    return SqlSupply(database)


@pytest.fixture
def catalogue(database: Database) -> SqlCatalogue:
    return SqlCatalogue(database)


@pytest.fixture
def shown(database: Database) -> SqlImpressions:
    return SqlImpressions(database)


@pytest.fixture
def artefacts(tmp_path: Path) -> LocalArtefacts:
    return LocalArtefacts(tmp_path / "models")


@pytest.fixture
def registry(database: Database) -> Registry:
    """With the resources that every installation has."""
    registry = Registry(SqlResources(database))
    ensure_defaults(registry, "popularity-count", T0)
    return registry


@pytest.fixture
def campaigns(registry: Registry) -> Campaigns:
    return Campaigns(registry)


@pytest.fixture
def versions(registry: Registry, log: SqlEventLog, artefacts: LocalArtefacts) -> SolutionVersions:
    return SolutionVersions(registry, log, artefacts)


@pytest.fixture
def trainer(
    registry: Registry, log: SqlEventLog, catalogue: SqlCatalogue, artefacts: LocalArtefacts
) -> Trainer:
    return Trainer(registry, log, catalogue, artefacts, now=lambda: T0)


@pytest.fixture
def live(registry: Registry, campaigns: Campaigns, artefacts: LocalArtefacts) -> LiveModel:
    return LiveModel(RECOMMENDER, campaigns, Loader(registry, artefacts), ServingSettings())


@pytest.fixture
def release(registry: Registry, campaigns: Campaigns, artefacts: LocalArtefacts) -> Release:
    return Release(registry, campaigns, artefacts)
