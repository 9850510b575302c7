"""Three servers with folders of their own and one PostgreSQL are one service."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from pawsonalize.reports.exposure_report import joined_events
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from tests.animal_data import animal
from tests.e2e.conftest import Server, Start, run, starting
from tests.event_data import T0
from tests.service_data import CATS, DOGS, make_key, make_service, metadata, view
from tests.training import train
from tests.waiting import wait_until

_ROOT = "5f" * 32
_CAMPAIGN = "arn:aws:personalize:us-east-1:000000000000:campaign/recommender"
_RERANKER = "arn:aws:personalize:us-east-1:000000000000:campaign/reranker"
_SECONDS = 120
Databases = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def settings(
    postgres: Databases, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    with postgres(postgres_template) as url:
        folder = tmp_path_factory.mktemp("first")
        settings = make_service(folder, database_url=url, access_key_root=_ROOT)
        with opened(settings) as adapters:
            adapters.animals.put([animal(group, group) for group in (*CATS, *DOGS)], T0)
            ranks = train(adapters, T0 + 1000, solution=RERANKER)
            adapters.campaigns.update(RERANKER, ranks.name, T0 + 1000)
            train(adapters, T0 + 1000, recipe="popularity-count", name="second")
        yield settings


@pytest.fixture(scope="module")
def servers(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server, Server]]:
    """Each has the models, and nothing else of the first one's folder."""
    with starting(tmp_path_factory.mktemp("logs")) as start:
        yield tuple(start_server(start, settings, tmp_path_factory) for _ in range(3))  # type: ignore[misc]


def start_server(
    start: Start, settings: Settings, folders: pytest.TempPathFactory, **more: str
) -> Server:
    folder = folders.mktemp("server")
    shutil.copytree(settings.models_dir, folder / "models")
    return start(folder, database_url=settings.database, access_key_root=_ROOT, **more)


def post(server: Server, path: str, body: Any, **headers: str) -> Any:
    with server.client() as client:
        return client.post(path, json=body, headers=headers).raise_for_status().json()


def answers(server: Server, user: str) -> list[list[str]]:
    """In what order each kind of question is answered, by a connection of its own."""
    listed = [{"itemId": group, "animalMetadata": metadata(group)} for group in (*CATS, *DOGS)]
    who = {"userId": user}
    ranked = {**who, "inputList": [*CATS, *DOGS]}
    groups = post(server, "/v1/recommendations", {**who, "limit": 5})
    order = post(server, "/v1/rerankings", {**who, "itemMetadataList": listed})
    theirs = post(server, "/aws/recommendations", {**who, "campaignArn": _CAMPAIGN})
    ranking = post(server, "/aws/personalize-ranking", {**ranked, "campaignArn": _RERANKER})
    return [
        [one["id"] for one in groups],
        order["ranking"],
        [one["itemId"] for one in theirs["itemList"]],
        [one["itemId"] for one in ranking["personalizedRanking"]],
    ]


@pytest.mark.parametrize("taker", range(3))
def test_an_acknowledged_event_is_in_the_next_answer_of_every_server(
    servers: tuple[Server, ...], taker: int
) -> None:
    user = f"visitor of {taker}"
    before = [answers(server, user) for server in servers]
    assert before[1:] == before[:-1]
    unliked = before[0][0][-1]
    for n in range(3):
        post(servers[taker], "/v1/events", view(user, unliked, eventId=f"{user} {n}"))
        after = [answers(server, user) for server in servers]
        assert after[1:] == after[:-1]
    assert all(new != old for new, old in zip(after[0], before[0], strict=True))
    for number, server in enumerate(servers):
        # A visitor for each: an animal that was shown and not opened stands lower in the next page.
        other = f"{user}, asking {number}"
        for n in range(3):
            post(servers[taker], "/v1/events", view(other, unliked, eventId=f"{other} {n}"))
        asked = {"userId": other, "of": "animals", "limit": 20}
        assert post(server, "/v1/recommendations", asked)[0]["id"] == unliked


def test_what_changes_at_one_server_is_so_at_the_next_answer_of_every_other(
    servers: tuple[Server, ...],
) -> None:
    one, *others = servers
    post(one, f"/v1/animals/{DOGS[0]}/status", {"status": "adopted"})
    assert len(others) == 2
    for server in others:
        shown = post(server, "/v1/recommendations", {"of": "animals", "limit": 100})
        assert DOGS[0] not in {place["id"] for place in shown}
        assert DOGS[1] in {place["id"] for place in shown}


def test_a_key_that_is_taken_back_at_one_machine_is_refused_by_every_server(
    servers: tuple[Server, ...], settings: Settings
) -> None:
    token = make_key(settings, Scope.RUNTIME)
    bearer = {"Authorization": f"Bearer {token}"}
    asked: dict[str, Any] = {"json": {"userId": "ann"}, "headers": bearer}
    for server in servers:
        with server.client() as client:
            assert client.post("/v1/recommendations", **asked).status_code == 200
    folder, url = str(settings.data_dir), settings.database
    gone = run("keys", "delete", token.partition(".")[0], "--data-dir", folder, database_url=url)
    assert gone.returncode == 0, gone.stderr
    for server in servers:
        with server.client() as client:
            ask = partial(client.post, "/v1/recommendations", **asked)
            wait_until(lambda ask=ask: ask().status_code == 401)  # type: ignore[misc]


def test_an_event_at_one_server_is_joined_to_the_answer_of_another(
    servers: tuple[Server, ...], settings: Settings
) -> None:
    one, other, _ = servers
    with one.client() as client:
        body = {"sessionId": "joined", "of": "animals", "limit": 5}
        answer = client.post("/v1/recommendations", json=body).raise_for_status()
    shown = answer.json()[0]["id"]
    came_from = answer.headers["X-Recommendation-Id"]
    event = view(None, shown, sessionId="joined", animal_id=shown, recommendationId=came_from)
    post(other, "/v1/events", event)
    with opened(settings) as adapters:
        # Answers are written a moment later.
        wait_until(lambda: joined_events(adapters.impressions, adapters.log, clock.now()).joined)
        assert adapters.impressions.get(came_from) is not None


def listed(server: Server) -> list[dict[str, Any]]:
    with server.client() as client:
        found: list[dict[str, Any]] = client.get("/v1/servers").raise_for_status().json()["servers"]
    return found


def test_every_server_lists_all_of_them(servers: tuple[Server, ...], settings: Settings) -> None:
    ports = {server.port for server in servers}
    campaigns = {RECOMMENDER, RERANKER}  # which each says of itself once it has their models
    deadline = time.monotonic() + _SECONDS
    for server in servers:
        while {
            one["port"]
            for one in listed(server)
            if one["lives"] and set(one["serves"]) == campaigns
        } != ports:
            assert time.monotonic() < deadline, listed(server)
            time.sleep(0.2)
    folder, url = str(settings.data_dir), settings.database
    shown = run("servers", "--json", "--data-dir", folder, database_url=url)
    found = msgspec.json.decode(shown.stdout)
    assert {one["port"] for one in found if one["lives"]} == ports


def marks_of(server: Server, settings: Settings, visitors: Sequence[str]) -> list[str | None]:
    """What is logged of a live test with the answers of a server to these visitors."""
    names = []
    with server.client() as client:
        for one in visitors:
            answer = client.post("/v1/recommendations", json={"sessionId": one, "of": "animals"})
            names.append(answer.raise_for_status().headers["X-Recommendation-Id"])
    deadline = time.monotonic() + _SECONDS
    with opened(settings) as adapters:
        while len(found := adapters.impressions.get_many(names)) < len(names):
            assert time.monotonic() < deadline, "answers are written a moment later"
            time.sleep(0.1)
    return [found[name].live_test for name in names]


def test_a_visitor_has_one_arm_on_all_servers_and_a_live_test_outlives_a_kill(
    servers: tuple[Server, ...],
    settings: Settings,
    start: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    visitors = [f"tested {number}" for number in range(12)]
    deadline = time.monotonic() + _SECONDS

    def followed(server: Server) -> list[str | None]:
        while None in (marks := marks_of(server, settings, visitors)):
            assert time.monotonic() < deadline
        return marks

    given = {"name": "arms", "second": "second", "design": "ab"}
    test = post(servers[0], "/v1/live-tests", given)
    first, *others = (followed(server) for server in servers)
    assert {*first} == {"arms:0", "arms:1"}
    assert others == [first, first]
    lonely = start_server(start, settings, tmp_path_factory)
    assert followed(lonely) == first
    lonely.kill()
    assert followed(start_server(start, settings, tmp_path_factory)) == first
    with servers[1].client() as client:
        kept = client.get("/v1/live-tests/arms").json()
    assert (kept["state"], kept["arms"]) == ("running", test["arms"])
    post(servers[1], "/v1/live-tests/arms/stop", {})


def ready(server: Server) -> dict[str, Any]:
    with server.client() as client:
        found: dict[str, Any] = client.get("/readyz").raise_for_status().json()
    return found


def problems(server: Server) -> dict[str, str]:
    return {one["name"]: one["message"] for one in ready(server)["problems"]}


@pytest.mark.nightly
def test_one_server_answers_and_another_works(
    postgres: Databases, postgres_template: str, tmp_path: Path, start: Start
) -> None:
    with postgres(postgres_template) as url:
        folder = make_service(tmp_path / "data", database_url=url).data_dir
        answering = start(folder, roles="serve", database_url=url)
        working = start(folder, roles="work", database_url=url)
        assert ready(working)["roles"] == ["work"]
        assert ready(working)["campaigns"] == []
        with working.client() as client:
            refused = client.post("/v1/recommendations", json={"userId": "ann"})
            assert client.get("/metrics").status_code == 200
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "not_serving"
        assert "its roles are work" in refused.json()["error"]["message"]

        made = post(answering, "/v1/solution-versions", {"solution": "recommender"})
        with answering.client() as client:
            path = f"/v1/solution-versions/{made['name']}"
            wait_until(lambda: client.get(path).json()["status"] == "ACTIVE", pause=0.1)

        assert "nobody works" not in problems(answering)
        working.kill()
        wait_until(lambda: "nobody works" in problems(answering), pause=0.2)
        assert "start one whose setting roles has `work`" in problems(answering)["nobody works"]
        doctor = run("doctor", "--json", "--data-dir", str(folder), database_url=url)
        assert "no living server has the role work" in doctor.stdout
        start(folder, roles="work,consume", database_url=url)
        wait_until(lambda: "nobody works" not in problems(answering), pause=0.2)
