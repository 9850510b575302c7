"""Open tables in a temporary folder, for what the engine asks of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.storage.artefacts import LocalArtefacts
from pawsonalize.storage.sql import Database, SqlAnimals, SqlCampaigns, SqlCatalogue, SqlEventLog


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
def catalogue(database: Database) -> SqlCatalogue:
    return SqlCatalogue(database)


@pytest.fixture
def campaigns(database: Database) -> SqlCampaigns:
    return SqlCampaigns(database)


@pytest.fixture
def artefacts(tmp_path: Path) -> LocalArtefacts:
    return LocalArtefacts(tmp_path / "models")
