"""Events of Amazon's calls are kept as they came in, and read again from that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from pawsonalize.animals.inventory import AnimalNames
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.aws.events import read_raw_call
from pawsonalize.aws.raw_calls import is_raw_call
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import LoggedEvent
from pawsonalize.events.tables.event_reads import RawEvents
from tests.event_data import T0
from tests.service_data import client_of

REX = {"id": "rex-7", "species": "dog", "breed": "Beagle", "size": "medium", "age": "3"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings)) as client:
        yield client


def put(client: TestClient, *events: dict[str, Any], **more: Any) -> None:
    body = {"trackingId": "pawsonalize", "userId": "ann", "sessionId": "s", **more}
    answer = client.post("/aws/events", json={**body, "eventList": events})
    assert answer.status_code == 200, answer.text


def sent(item: str, **more: Any) -> dict[str, Any]:
    return {"eventType": "view", "sentAt": T0 // 1000, "itemId": item, **more}


def stored(settings: Settings) -> list[tuple[LoggedEvent, str]]:
    with opened(settings) as adapters:
        rows = adapters.log.read(0, adapters.log.head(), 10)
        raws = RawEvents(adapters.database).between(1, 10)
        return [(row, raws[row.offset]) for row in rows]


def names_of(adapters: Adapters) -> AnimalNames:
    return AnimalNames(adapters.animals, adapters.catalogue)


def test_each_event_is_kept_as_the_call_that_it_alone_would_have_been(
    client: TestClient, settings: Settings
) -> None:
    first, second = sent("2-Pug-1-1", utm="spring"), sent("2-Pug-2-1", eventId="mine")
    put(client, first, second, campaign={"name": "x"})
    around = {
        "trackingId": "pawsonalize", "userId": "ann", "sessionId": "s", "campaign": {"name": "x"},
    }  # fmt: skip
    assert [msgspec.json.decode(raw) for _, raw in stored(settings)] == [
        around | {"eventList": [first]},
        around | {"eventList": [second]},
    ]


def test_what_is_read_of_it_again_is_the_same_event(client: TestClient, settings: Settings) -> None:
    assert client.put("/v1/animals", json=[REX]).status_code == 200
    properties = msgspec.json.encode({"eventValue": 2.5, "page": "home"}).decode()
    put(client, sent("2-Pug-1-1", eventId="a"), sent("rex-7", eventId="b", properties=properties))
    rows = stored(settings)
    with opened(settings) as adapters:
        for row, raw in rows:
            assert is_raw_call(raw)
            assert read_raw_call(raw, row.event, names_of(adapters)) == row.event


def test_an_event_of_an_animal_that_is_not_known_here_is_not_read_again(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    assert client.put("/v1/animals", json=[REX]).status_code == 200
    put(client, sent("rex-7"))
    ((row, raw),) = stored(settings)
    with opened(Settings(data_dir=tmp_path / "other")) as adapters:
        with pytest.raises(InvalidInput, match="does not know its animal"):
            read_raw_call(raw, row.event, names_of(adapters))
        with pytest.raises(InvalidInput, match="eventType"):
            read_raw_call(raw.replace("eventType", "kind"), row.event, names_of(adapters))


def test_a_plain_event_is_no_such_call() -> None:
    assert not is_raw_call('{"eventType":"view"}')
