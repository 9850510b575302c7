"""A real service for tests of programs that use Amazon Personalize, and the checks of a recipe.

    pytest_plugins = ["pawsonalize.testing"]    # in conftest.py

The service needs pytest and boto3 (the extra `aws`); see docs/how-to/test-with-boto3.md.
`RecipeChecks` needs pytest and hypothesis; see docs/how-to/write-a-recipe.md.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from pawsonalize.testing.service import NotActive, Service, running_service

if TYPE_CHECKING:
    from pawsonalize.testing.recipe_checks import RecipeChecks

__all__ = [
    "NotActive",
    "RecipeChecks",
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


def __getattr__(name: str) -> Any:
    if name != "RecipeChecks":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pawsonalize.testing import recipe_checks  # needs hypothesis

    return recipe_checks.RecipeChecks
