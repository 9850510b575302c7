"""A real service for the tests of programs that use Amazon Personalize: a pytest plugin.

    pytest_plugins = ["pawsonalize.testing"]    # in conftest.py

Needs pytest and boto3 (the extra `aws`). See docs/how-to/test-with-boto3.md.
"""

from collections.abc import Iterator

import pytest

from pawsonalize.testing.service import NotActive, Service, running_service

__all__ = [
    "NotActive",
    "Service",
    "pawsonalize_environment",
    "pawsonalize_service",
    "running_service",
]


@pytest.fixture(scope="session")
def pawsonalize_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service on an empty data folder for all tests of the session."""
    with running_service(tmp_path_factory.mktemp("pawsonalize")) as service:
        yield service


@pytest.fixture
def pawsonalize_environment(
    pawsonalize_service: Service, monkeypatch: pytest.MonkeyPatch
) -> Service:
    """The service, in the environment variables that the program's own clients read."""
    for name, value in pawsonalize_service.environment.items():
        monkeypatch.setenv(name, value)
    return pawsonalize_service
