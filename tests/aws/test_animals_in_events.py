"""Events on the wire that name an animal of the inventory."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pawsonalize.animals.inventory import AnimalNames
from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.service_data import DOGS, client_of, make_service

REX = {"id": "rex-7", "species": "dog", "breed": "Beagle", "size": "medium", "age": "3"}
SHOWN = {"id": "tom", "species": "cat", "breed": "Siamese", "size": "small", "age": "young"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("animals"), train=False)


@pytest.fixture(scope="module")
def client(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        assert client.put("/v1/animals", json=[REX, SHOWN]).json()["created"] == 2
        yield client


def put(client: TestClient, user: str, item: str, **more: Any) -> None:
    sent = {"eventType": "inquiry", "sentAt": T0 // 1000, "itemId": item} | more
    body = {"trackingId": "pawsonalize", "userId": user, "sessionId": user, "eventList": [sent]}
    answer = client.post("/aws/events", json=body)
    assert answer.status_code == 200, answer.text


def history(client: TestClient, user: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/v1/users/{user}/history").json()["events"]
    return found


def test_an_event_on_an_animal_is_one_on_its_group_as_in_the_native_call(
    client: TestClient,
) -> None:
    put(client, "ann", "rex-7")
    native = {"userId": "bob", "sessionId": "b", "eventType": "inquiry", "animal_id": "rex-7"}
    client.post("/v1/events", json=native)
    (wire,), (said,) = history(client, "ann"), history(client, "bob")
    for one in (wire, said):
        assert (one["itemId"], one["animal_id"]) == (DOGS[0], "rex-7")


def test_an_id_of_no_animal_stays_an_item(client: TestClient) -> None:
    put(client, "cid", DOGS[1])
    put(client, "cid", "nobody")
    assert [one["itemId"] for one in history(client, "cid")] == ["nobody", DOGS[1]]
    assert not any("animal_id" in one for one in history(client, "cid"))


def test_animals_that_an_event_says_were_shown_are_counted(client: TestClient) -> None:
    # Answers are counted a moment after they were given: here none was yet.
    def shown() -> int:
        shares = client.get("/v1/animals/exposure").json()["shares"]
        return sum(one["shown"] for one in shares if one["value"] == "cat")

    before = shown()
    put(client, "dan", "rex-7", impression=["tom", "rex-7"])
    assert shown() == before + 1


def test_a_board_is_answered_on_the_wire_too(client: TestClient) -> None:
    """The first visitor picks a dog, the second none of the animals."""
    liked = {}
    for user, sent in (
        ("eve", {"eventType": "pick", "itemId": "rex-7", "eventValue": 1}),
        ("fay", {"eventType": "no-pick"}),
    ):
        board = client.post("/v1/boards", json={"userId": user}).json()
        shown = {"recommendationId": board["boardId"], "sentAt": T0 // 1000}
        shown["impression"] = [one["id"] for one in board["animals"]]
        body = {"trackingId": "pawsonalize", "userId": user, "sessionId": user}
        answer = client.post("/aws/events", json={**body, "eventList": [{**sent, **shown}]})
        assert answer.status_code == 200, answer.text
        query = {"userId": user, "of": "animals"}
        page = client.post("/v1/recommendations/detailed", json=query).json()["recommendations"]
        liked[user] = {one["id"]: one["factors"]["visitor"] for one in page}
    assert liked["eve"]["rex-7"] > 0 > max(liked["fay"].values())
    assert history(client, "fay")[0]["itemId"] == ""
    picks, asked = f"/v1/boards/{board['boardId']}/picks", {"userId": "thief", "animals": []}
    # The call waits until a board of that id must have been written.
    assert client.post(picks, json=asked).status_code == 404
    stolen = {**body, "userId": "thief", "sessionId": "thief", "eventList": [{**sent, **shown}]}
    answer = client.post("/aws/events", json=stolen)
    assert (answer.status_code, "was given to another visitor" in answer.text) == (400, True)
    assert answer.headers["x-amzn-errortype"] == "InvalidInputException"


@pytest.mark.parametrize(
    ("items", "about"),
    [
        ([], "rex"),
        (["tent", "stove"], "rex"),
        (["2-Beagle-2-3"], "2-Beagle-2-3"),
        (["2-Beagle-2-3", "rex"], "rex"),
    ],
)
def test_in_another_dataset_group_an_id_is_an_animals_only_where_groups_are_items(
    service: Settings, items: list[str], about: str, request: pytest.FixtureRequest
) -> None:
    group = f"group {request.node.name}"[:60]
    with opened(service) as adapters:
        adapters.animals.put([animal("rex", "2-Beagle-2-3")], T0)
        adapters.catalogue.of(group).put_items([Item(one, {}) for one in items])
        sent = event("e1", item="rex", dataset_group=group)
        (found,) = AnimalNames(adapters.animals, adapters.catalogue).resolve([sent])
    assert found.item_id == about
    assert found.animal_id == (None if about == "rex" else "rex")
