"""An open database of each kind."""

from collections.abc import Iterator

import pytest

from pawsonalize.core.database.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()
