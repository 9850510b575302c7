"""A body that never ends takes no slot: it keeps nobody else waiting, at no door."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.aws.protocol import operations
from pawsonalize.operations import limits
from pawsonalize.operations.limits import Lane, Tenants
from pawsonalize.resources.defaults import DATASET_GROUP
from tests.service_data import client_of, make_service

BODIES = 12  # more than one dataset group has slots in any lane
CHANGES = ("POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with all its doors."""
    settings = make_service(tmp_path_factory.mktemp("slow"), site=True)
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        yield client


def all_changes(client: TestClient) -> Iterator[tuple[str, str, str]]:
    """Everything that may have a body, at every door: method, path, and the target for AWS's."""
    app: Any = client.app
    for route in app.routes:
        for method in sorted(getattr(route, "methods", None) or ()):
            if method in CHANGES and not route.path.startswith("/aws"):
                yield method, route.path, ""
    for one in operations().values():
        yield "POST", f"/aws{one.path or '/'}", f"AmazonPersonalize.{one.name}"


async def send_first_byte(
    app: Any, method: str, path: str, target: str, reached: list[str]
) -> None:
    """A request that sends one byte of its body and no more; `reached` tells when it waits."""
    chunks = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Any:
        if (chunk := next(chunks, None)) is None:
            reached.append(path)
            await asyncio.Event().wait()
        return chunk

    async def send(_message: Any) -> None:
        """Nobody reads the answer."""

    headers = {
        "host": "127.0.0.1:8080",
        "content-length": "300",
        "content-type": "application/json",
        "x-amz-target": target,
    }
    path = re.sub(r"{\w+(:\w+)?}", "nobody", path)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    await app(scope, receive, send)


async def hold(app: Any, method: str, path: str, target: str) -> int:
    """Hold `BODIES` of these, and see that each lane lets the next in; how many wait for a body."""
    tenants: Tenants = app.state.tenants
    reached: list[str] = []
    sent = [
        asyncio.create_task(send_first_byte(app, method, path, target, reached))
        for _ in range(BODIES)
    ]
    try:
        while len(reached) < BODIES and not all(one.done() for one in sent):
            await asyncio.sleep(0.001)
            if tenants.why_late() is not None:
                break
        for lane in Lane:
            (await asyncio.wait_for(tenants.enter(DATASET_GROUP, lane), 5)).leave()
        return len(reached)
    finally:
        for task in sent:
            task.cancel()
        await asyncio.gather(*sent, return_exceptions=True)


def test_no_body_that_is_never_finished_holds_a_slot_at_any_door(client: TestClient) -> None:
    assert client.portal is not None
    read = set()
    for change in all_changes(client):
        try:
            held = client.portal.call(hold, client.app, *change)
        except TimeoutError:
            pytest.fail(f"{change} keeps others out until its body is there")
        assert held in {0, BODIES}, change
        if held:
            read.add(change)
    declared = {(one.method, one.path, "") for one in OPERATIONS if one.request or one.file_bytes}
    assert declared <= read, "the test does not reach their bodies"
    assert {target for _, _, target in read} > {"AmazonPersonalize.PutEvents"}
    assert {path for _, path, _ in read} > {"/console/sign-in"}


def test_slots_that_are_all_taken_for_seconds_are_said_by_readiness_and_are_a_problem(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = client.app
    tenants: Tenants = app.state.tenants

    async def take(count: int) -> list[Any]:
        entered = [await tenants.enter(DATASET_GROUP, Lane.WORK) for _ in range(count)]
        return [*entered, asyncio.create_task(tenants.enter(DATASET_GROUP, Lane.WORK))]

    def ready() -> Any:
        return client.get("/readyz").json()

    def problems(said: Any) -> list[Any]:
        return [one for one in said["problems"] if one["name"] == "answer in time"]

    async def leave(taken: list[Any]) -> None:
        *entered, waiting = taken
        for one in entered:
            one.leave()
        (await waiting).leave()

    monkeypatch.setattr(limits, "_LATE_SECONDS", 0.01)
    assert client.portal is not None
    assert ready()["message"] is None
    taken = client.portal.call(take, 9)
    while (said := ready())["message"] is None or not problems(said):
        pass
    assert f"dataset group {DATASET_GROUP} wait for seconds" in said["message"]
    assert problems(said)[0]["message"] in said["message"]
    client.portal.call(leave, taken)
    while (said := ready())["message"] is not None or problems(said):
        pass


def test_too_many_questions_of_another_moment_are_told_to_come_again_and_no_others(
    client: TestClient,
) -> None:
    app: Any = client.app
    tenants: Tenants = app.state.tenants

    async def fill() -> list[asyncio.Task[Any]]:
        waiting = []
        for _ in range(40):
            one = asyncio.create_task(tenants.enter(DATASET_GROUP, Lane.PAST))
            waiting.append(one)
            for _ in range(3):
                await asyncio.sleep(0)
        return waiting

    async def empty(waiting: list[asyncio.Task[Any]]) -> None:
        for one in waiting:
            if one.done() and one.exception() is None:
                one.result().leave()
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    assert client.portal is not None
    past = {"userId": "seed 0", "at": "2026-05-17T12:00:01Z"}
    waiting = client.portal.call(fill)
    refused = client.post("/v1/recommendations", json=past)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_busy")
    assert refused.headers["retry-after"] == "1"
    assert client.post("/v1/recommendations", json={"userId": "seed 0"}).status_code == 200
    client.portal.call(empty, waiting)
    assert client.post("/v1/recommendations", json=past).status_code == 200
