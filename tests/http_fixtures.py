"""A whole service in process: real tables, a real model, no sockets."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from tests.service_data import client_of, make_service


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all tests that only add to it; each is a visitor of its own.

    Store no animals in it: from then on all other tests would be answered from the inventory.
    """
    settings = make_service(tmp_path_factory.mktemp("service"))
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        yield client


_NUMBERS = itertools.count()


@pytest.fixture
def user() -> str:
    """A user nobody else is; the session of the same number is theirs too."""
    return f"user-{next(_NUMBERS)}"


def error_of(response: Any) -> dict[str, Any]:
    """The error in the one shape that every error has, a receipt of refusals beside it or not."""
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    if "rejected" in body:
        assert all(each["code"] and each["message"] for each in body["rejected"])
        assert not any(value for name, value in body.items() if name not in {"error", "rejected"})
    else:
        assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert {"code", "message"} <= error.keys() <= {"code", "message", "field"}
    assert all(isinstance(value, str) and value for value in error.values())
    assert "Traceback" not in error["message"]
    return error
