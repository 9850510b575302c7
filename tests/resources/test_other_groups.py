"""What is in another dataset group is for a key of one group as if it were nowhere."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.core import clock
from pawsonalize.core.http.operation import Operation
from pawsonalize.core.schemas import DatasetType
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import (
    Dataset,
    DatasetGroup,
    EventTracker,
    Filter,
    dataset_name,
    new_schema,
)
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.jobs import BatchInferenceJob, BatchSegmentJob
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import Cut, Solution, SolutionVersion
from tests.service_data import CATS, client_of, make_key, make_service, view

Ids = dict[str, str]
OURS, THEIRS = "ours", "theirs"
AVRO = json.dumps(
    {"type": "record", "name": "Items", "fields": [{"name": "ITEM_ID", "type": "string"}]}
)
_PLACEHOLDER = re.compile(r"/v1/(?:console/)?([a-z-]+)/{(\w+)}")
_IN_PATHS = {
    resources if name == "name" else name
    for operation in OPERATIONS
    for resources, name in _PLACEHOLDER.findall(operation.documented_path)
}
World = tuple[TestClient, Ids, dict[str, str]]
# What the service itself changes meanwhile, or answers anew each time.
_GOES_ON = ("/erasures/", "/tenants/", "/usage", "/similar", "/runs/", "/console/")
_UNKNOWN = {
    "boardId": "RID-019ab9a6-2f9b-7c3e-9d55-0f1d1c1f4c11",
    "recommendationId": "RID-019ab9a6-2f9b-7c3e-9d55-0f1d1c1f4c11",
}
_NEW_EACH_TIME = re.compile(
    r"RID-[0-9a-f-]{36}|[0-9a-f]{8}-[0-9a-f-]{27}|erasure-\w+-\w+"
    r'|(?<="status":")(pending|in_progress|done)'  # of an erasure, which goes on meanwhile
    r'|(?<="shown":)\[.*?\](?=,"expected")'  # answers, which are logged a moment later
    r"|\d{4}-\d\d-\d\dT[\d:.]+Z|\w{3}, [\w :]+ GMT|17\d{11}\.0"
)


def make_resources(adapters: Adapters, group: str) -> Ids:
    """Make one resource of each kind in the dataset group; return their names by their paths."""
    make, now = adapters.registry.create, clock.now()
    if group != DATASET_GROUP:
        make(DatasetGroup(name=group), now)
    solution, version, schema = f"s-{group}", f"s-{group}-1", f"schema-{group}"
    make(Solution(name=solution, dataset_group=group, recipe="popularity-count"), now)
    trained: dict[str, Any] = {"recipe": "popularity-count", "cut": Cut(log_offset=0, as_of=now)}
    make(SolutionVersion(name=version, solution=solution, status=Status.ACTIVE, **trained), now)
    make(Campaign(name=f"c-{group}", solution=solution), now)
    make(Filter(name=f"f-{group}", dataset_group=group, expression="x"), now)
    make(EventTracker(name=f"t-{group}", dataset_group=group, tracking_id=f"t-{group}"), now)
    make(new_schema(schema, AVRO), now)
    named: dict[str, Any] = {"dataset_group": group, "dataset_type": DatasetType.ITEMS}
    items = dataset_name(group, DatasetType.ITEMS)
    if group != DATASET_GROUP:
        make(Dataset(name=items, schema=schema, **named), now)
    job: dict[str, Any] = {
        "solution_version": version,
        "source": "a",
        "target": "b",
        "status": Status.ACTIVE,
    }
    make(BatchInferenceJob(name=f"i-{group}", **job), now)
    make(BatchSegmentJob(name=f"g-{group}", **job), now)
    return {
        "dataset-groups": group,
        "tenants": group,
        "datasetGroup": group,
        "solutions": solution,
        "solution": solution,
        "models": solution,
        "solution-versions": version,
        "solutionVersion": version,
        "version": version,
        "against": version,
        "campaigns": f"c-{group}",
        "campaign": f"c-{group}",
        "filters": f"f-{group}",
        "filter": f"f-{group}",
        "event-trackers": f"t-{group}",
        "schemas": schema,
        "datasets": items,
        "batch-inference-jobs": f"i-{group}",
        "batch-segment-jobs": f"g-{group}",
    }


def make_visitors(client: TestClient, group: str) -> Ids:
    """Make a user, a session, an event and an erasure in the dataset group; return their ids."""
    here = {"datasetGroup": group}
    user, session, event = f"user-{group}", f"session-{group}", f"event-{group}"
    shown = view(user, CATS[0], sessionId=session, eventId=event)
    assert client.post("/v1/events", json=shown, params=here).status_code == 202
    client.put(f"/v1/users/{user}", json={"attributes": {"A": "b"}}, params=here)
    client.post("/v1/events", json=view(None, CATS[0], sessionId="gone"), params=here)
    gone = client.delete("/v1/sessions/gone", params=here)
    assert gone.status_code == 202, gone.text
    erasure = gone.json()["erasureId"]
    return {"userId": user, "sessionId": session, "eventId": event, "erasureId": erasure}


def make_animals(client: TestClient) -> Ids:
    """Make what the default dataset group alone has; return the ids."""
    animal = {"id": "rex", "species": "dog", "breed": "Pug", "age": "adult", "size": "small"}
    assert client.put("/v1/animals", json=[animal]).json()["rejected"] == []
    board = client.post("/v1/boards", json={"sessionId": "of the board"}).json()["boardId"]
    answer = client.post("/v1/recommendations", json={"sessionId": "s", "of": "animals"})
    client.post("/v1/events", json={"eventType": "view"})
    (letter, *_) = client.get("/v1/dead-letters").json()["letters"]
    run = client.post("/v1/runs", json={})
    assert run.status_code in {200, 201, 202}, run.text
    return {
        "animalId": "rex",
        "boardId": board,
        "recommendationId": answer.headers["X-Recommendation-Id"],
        "continues": answer.headers["X-Recommendation-Id"],
        "letterId": letter["letterId"],
        "runId": run.json()["runId"],
        "feeds": "west",
    }


@pytest.fixture(scope="module", params=[OURS, DATASET_GROUP])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """An operator's client, ids of what is not in the group, and the header of a key of it."""
    group: str = request.param
    feeds = tmp_path_factory.mktemp("feeds") / "feeds.yaml"
    feeds.write_text('west: {url: "http://127.0.0.1:9/cats.csv"}\n')
    settings = make_service(
        tmp_path_factory.mktemp("groups"), access_keys="required", feeds_file=str(feeds)
    )
    with opened(settings) as adapters:
        make_resources(adapters, OURS)
        theirs = make_resources(adapters, THEIRS)
    scopes = [scope for scope in Scope if scope is not Scope.BROWSER]
    key = {"Authorization": f"Bearer {make_key(settings, *scopes, dataset_group=group)}"}
    operator = {"Authorization": f"Bearer {make_key(settings, Scope.OPERATOR)}"}
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        client.headers.update(operator)
        theirs |= make_visitors(client, THEIRS)
        if group == OURS:
            theirs |= make_animals(client)
        yield client, theirs, key


def references(operation: Operation) -> Iterator[tuple[str, str]]:
    """Where the operation takes an id, and of what: in its path, its query or its body."""
    for resources, name in _PLACEHOLDER.findall(operation.documented_path):
        yield "path", resources if name == "name" else name
    yield from (("query", one.name) for one in operation.parameters if one.where == "query")
    if isinstance(operation.request, type) and issubclass(operation.request, msgspec.Struct):
        fields = msgspec.structs.fields(operation.request)
        yield from (("body", field.encode_name) for field in fields)


def ask(
    client: TestClient, operation: Operation, key: dict[str, str], place: str, name: str, of: Ids
) -> tuple[int, str]:
    """Answer a call with the id of that name at that place: the status, and the text without ids.

    All other ids in its path are of nothing.
    """
    path, params = operation.documented_path, {}
    for resources, placeholder in _PLACEHOLDER.findall(path):
        word = resources if placeholder == "name" else placeholder
        path = path.replace(f"{{{placeholder}}}", of[word] if place == "path" else "nothing")
    body = dict(next(iter(operation.examples.values()), {})) if operation.request else None
    if operation.path.endswith("/picks"):
        body = {"sessionId": "of the board", "animals": []}
    if place == "query":
        params[name] = of[name]
    elif place == "body" and body is not None:
        body[name] = [of[name]] if name in {"continues", "letterIds"} else of[name]
    answer = client.request(operation.method, path, json=body, params=params, headers=key)
    text = answer.text
    for each in sorted(of.values(), key=len, reverse=True):
        text = text.replace(each, "ID")
    return answer.status_code, _NEW_EACH_TIME.sub("NEW", text)


def test_an_id_of_another_group_is_answered_as_one_that_there_is_not(
    world: World, subtests: pytest.Subtests
) -> None:
    client, theirs, key = world
    nowhere = {name: _UNKNOWN.get(name, f"{name[:3]}-nowhere") for name in theirs}
    before = list(seen_by_operator(client, theirs))
    tried = set()
    # Erasures last, as they go on while the others are asked.
    for operation in sorted(OPERATIONS, key=lambda one: one.method == "DELETE"):
        for place, name in references(operation):
            if name in theirs:
                tried.add((place, name))
                with subtests.test(operation=operation.id, place=place, name=name):
                    there = ask(client, operation, key, place, name, theirs)
                    assert there == ask(client, operation, key, place, name, nowhere)
    assert {name for place, name in tried if place == "path"} == _IN_PATHS & theirs.keys()
    assert before
    assert list(seen_by_operator(client, theirs)) == before, "a key changed what is another's"


def test_a_board_is_no_board_for_another_group_nor_for_another_visitor(world: World) -> None:
    client, theirs, key = world
    if "boardId" not in theirs:
        return
    answers = []
    for board, session, headers in (
        (theirs["boardId"], "of the board", key),
        (theirs["boardId"], "another", client.headers),
        (_UNKNOWN["boardId"], "of the board", client.headers),
    ):
        picks = {"sessionId": session, "animals": ["rex"]}
        answer = client.post(f"/v1/boards/{board}/picks", json=picks, headers=headers)
        answers.append((answer.status_code, answer.text.replace(board, "ID")))
    assert answers[0][0] == 404
    assert len(set(answers)) == 1
    history = client.get("/v1/sessions/of the board/history", headers=key).json()
    assert history["events"] == [], "a pick is in the wrong history"
    pick = {"sessionId": "thief", "eventType": "pick", "itemId": "x", "impression": ["rex"]}
    events = [pick | {"boardId": board} for board in (theirs["boardId"], _UNKNOWN["boardId"])]
    sent = client.post("/v1/events", json=events, headers=key).json()
    assert (sent["accepted"], sent["rejected"]) == (2, []), "an event told of a board elsewhere"


def seen_by_operator(client: TestClient, theirs: Ids) -> Iterator[Any]:
    """What an operator reads at each path with one of these ids; each must be there."""
    for operation in OPERATIONS:
        places = [name for place, name in references(operation) if place == "path"]
        if operation.method != "GET" or not places or not theirs.keys() >= set(places):
            continue
        path = re.sub(r"{\w+}", theirs[places[0]], operation.documented_path)
        is_visitor = places[0] in {"userId", "sessionId"}
        here = {"datasetGroup": theirs["datasetGroup"]} if is_visitor else {}
        answer = client.get(path, params=here)
        assert answer.status_code == 200, (path, answer.text)
        if not any(word in path for word in _GOES_ON):
            yield path, answer.json()
