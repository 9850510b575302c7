"""One service for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.aws.wire.server import Wire, served


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A service on an empty data folder."""
    with served(tmp_path_factory.mktemp("data")) as running:
        yield running
