"""The service does what its API document says: Schemathesis reads one and asks the other.

Schemathesis is imported and its tests are built when they run: both would take seconds of every
worker's collection.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from starlette.testclient import TestClient
from starlette.types import Receive, Send
from starlette.types import Scope as Asgi

from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.openapi import openapi
from pawsonalize.core.scopes import Scope
from tests.service_data import client_of, make_key, make_service
from tests.training import let_trainings_end

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.schemas import BaseSchema

# Each value of each field in turn makes thousands of requests: those wait for the night.
NIGHTLY = settings.get_current_profile_name() == "nightly"


@pytest.fixture(scope="module")
def document() -> "BaseSchema":
    import schemathesis
    from schemathesis.checks import load_all_checks
    from schemathesis.config import (
        CoveragePhaseConfig,
        GenerationConfig,
        PhasesConfig,
        ProjectConfig,
        ProjectsConfig,
    )

    load_all_checks()
    project = ProjectConfig(
        generation=GenerationConfig(deterministic=True),
        phases=PhasesConfig(coverage=CoveragePhaseConfig(enabled=NIGHTLY)),
        request_timeout=120,  # how soon it answers is not asked here, on busy machines least
    )
    config = schemathesis.Config(seed=1, projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(_without_keys(openapi()), config=config)


def _without_keys(of: dict[str, Any]) -> dict[str, Any]:
    """The document but for who may ask, which has tests of its own: here everybody has a key."""
    paths = {
        path: {
            method: {name: value for name, value in one.items() if name != "security"}
            for method, one in methods.items()
        }
        for path, methods in of["paths"].items()
    }
    return {**of, "paths": paths}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service of its own: animals that nobody asked for would change what others are told."""
    service = make_service(tmp_path_factory.mktemp("conforming"), access_keys="required")
    app = build_app(service)
    with client_of(app, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {make_key(service, Scope.OPERATOR)}"
        yield client
        let_trainings_end(app.state.services.trainings, service)


def test_requests_by_the_document_get_answers_by_the_document(
    document: "BaseSchema", client: TestClient, subtests: pytest.Subtests
) -> None:
    from schemathesis.core.result import Ok
    from schemathesis.generation.feedback import FeedbackSources
    from schemathesis.pytest._test_builder import build_operation_test

    operations = list(document.get_all_operations())
    assert len(operations) > 50
    for found in operations:
        assert isinstance(found, Ok), found
        operation = found.ok()
        with subtests.test(operation.label):
            check = build_operation_test(
                config=document.config,
                operation=operation,
                test_func=check_answer,
                given_kwargs={},
                feedback=FeedbackSources(),
            )
            check(client=client)


@settings(max_examples=50 if NIGHTLY else 5, suppress_health_check=list(HealthCheck))
def check_answer(case: "Case[Any]", client: TestClient) -> None:
    app = client.app

    async def running(scope: Asgi, receive: Receive, send: Send) -> None:
        # The service runs already: the client's own start and stop would end it.
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await app(scope, receive, send)

    from schemathesis.checks import negative_data_rejection, positive_data_acceptance

    # A schema cannot say "printable" or "in the years 1990 to 2100": then the field is named.
    excluded = [positive_data_acceptance]
    if (case.method, case.path) in {("POST", "/v1/events"), ("PUT", "/v1/animals")}:
        # One bad event or animal never costs a good one: it is refused inside a good answer.
        excluded.append(negative_data_rejection)
    answer = case.call_and_validate(
        base_url="http://127.0.0.1:8080",
        app=running,
        excluded_checks=excluded,
        headers={"Authorization": client.headers["Authorization"]},
    )
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        assert answer.json()["error"].get("field"), answer.text
