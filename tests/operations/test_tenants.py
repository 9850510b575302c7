"""Dataset groups as tenants: keys that reach one, limits, and counts of use."""

import itertools
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.http.operation import About, Operation
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import SECOND
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup, EventTracker, Filter
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.solutions import Solution
from tests.http_fixtures import error_of
from tests.service_data import CATS, client_of, make_key, make_service, view

PAGE = "https://shelter.example"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = make_service(tmp_path_factory.mktemp("tenants"), access_keys="required")
    with opened(settings) as adapters:
        now = clock.now()
        for group, name in (("a", "ours-a"), ("secret-b", "secret-b")):
            adapters.registry.create(DatasetGroup(name=group), now)
            solution = Solution(name=name, dataset_group=group, recipe="user-personalization")
            adapters.registry.create(solution, now)
            adapters.registry.create(Campaign(name=name, solution=name), now)
            adapters.registry.create(
                Filter(
                    name=name,
                    dataset_group=group,
                    expression='EXCLUDE ItemID WHERE Items.KIND IN ("x")',
                ),
                now,
            )
            adapters.registry.create(
                EventTracker(name=name, dataset_group=group, tracking_id=name), now
            )
    return settings


@pytest.fixture(scope="module")
def client(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def ours(service: Settings) -> dict[str, str]:
    """The header of a key of all scopes for dataset group `a` alone."""
    scopes = [one for one in Scope if one is not Scope.BROWSER]
    return {"Authorization": f"Bearer {make_key(service, *scopes, dataset_group='a')}"}


@pytest.fixture(scope="module")
def operator(service: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key(service, Scope.OPERATOR)}"}


def names_in(operation: Operation) -> Iterator[str]:
    """The operation's path with names of another dataset group's resources in it."""
    yield (
        operation.documented_path.replace("{name}", "secret-b")
        .replace("{userId}", "ann")
        .replace("{sessionId}", "s")
        .replace("{animalId}", "a1")
        .replace("{runId}", "retrain-1")
        .replace("{erasure_id}", "e1")
        .replace("{letter_id}", "l1")
    )


def test_what_is_about_the_whole_service_is_refused_with_the_reason(
    client: TestClient, ours: dict[str, str], subtests: pytest.Subtests
) -> None:
    for operation in OPERATIONS:
        with subtests.test(operation=operation):
            if operation.about is not About.SERVICE or not operation.access:
                continue
            (path,) = names_in(operation)
            body: dict[str, Any] | None = None if operation.method == "GET" else {}
            answer = client.request(operation.method, path, json=body, headers=ours)
            assert answer.status_code == 403
            assert "this key is for dataset group a alone" in error_of(answer)["message"]


def test_a_key_of_one_dataset_group_need_not_name_it(
    client: TestClient, ours: dict[str, str]
) -> None:
    sent = client.post("/v1/events", json=view("ann", CATS[0]), headers=ours)
    assert sent.json()["accepted"] == 1
    history = client.get("/v1/users/ann/history", headers=ours).json()
    assert len(history["events"]) == 1
    listed = client.get("/v1/solutions", headers=ours).json()["solutions"]
    assert [one["name"] for one in listed] == ["ours-a"]
    assert client.get("/v1/campaigns/ours-a", headers=ours).status_code == 200
    asked = {"userId": "ann", "campaign": "ours-a"}
    assert error_of(client.post("/v1/recommendations", json=asked, headers=ours))["code"] == (
        "not_ready"
    )


def test_events_of_one_dataset_group_are_not_in_another(
    client: TestClient, ours: dict[str, str], operator: dict[str, str]
) -> None:
    client.post("/v1/events", json=view("bob", CATS[0]), headers=ours)
    theirs = client.get("/v1/users/bob/history", headers=operator).json()
    assert theirs["events"] == []


def test_who_signs_for_visitors_of_one_dataset_group_does_not_sign_for_anothers(
    client: TestClient, service: Settings
) -> None:
    theirs = make_key(service, Scope.SITE, dataset_group="secret-b")
    page = make_key(service, Scope.BROWSER, dataset_group="a", origins=[PAGE])
    for signer, status in ((theirs, 401), (make_key(service, Scope.SITE, dataset_group="a"), 202)):
        key_id, _, secret = signer.partition(".")
        claims = {"sub": "ann", "exp": clock.now() // SECOND + 60}
        token = jwt.encode(claims, secret, "HS256", headers={"kid": key_id})
        answer = client.post(
            "/v1/events",
            json=view("ann", CATS[0]),
            headers={
                "Authorization": f"Bearer {page}",
                "Origin": PAGE,
                "Pawsonalize-Visitor": token,
            },
        )
        assert answer.status_code == status


def test_readyz_tells_a_key_of_one_dataset_group_no_more_than_anybody(
    client: TestClient, ours: dict[str, str]
) -> None:
    assert client.get("/readyz", headers=ours).json()["campaigns"] == []


def limit(client: TestClient, operator: dict[str, str], group: str, **limits: Any) -> None:
    made = client.post("/v1/dataset-groups", json={"name": group}, headers=operator)
    assert made.status_code in {201, 409}
    done = client.patch(f"/v1/dataset-groups/{group}", json={"limits": limits}, headers=operator)
    assert done.status_code == 200, done.text
    client.app.state.tenants._limits._known.clear()  # type: ignore[attr-defined]
    client.app.state.services.ingest._limits._limits._known.clear()  # type: ignore[attr-defined]


_NUMBERS = itertools.count()


@pytest.fixture
def limited(client: TestClient, operator: dict[str, str]) -> Iterator[str]:
    """A dataset group, deleted afterwards, whatever its limits are by then."""
    name = f"limited-{next(_NUMBERS)}"
    yield name
    gone = client.delete(f"/v1/dataset-groups/{name}", headers=operator)
    assert gone.status_code == 200, gone.text


def events(*users: str) -> list[dict[str, Any]]:
    return [view(user, CATS[0]) for user in users]


def test_requests_beyond_the_limit_are_told_which_limit_and_when_to_go_on(
    client: TestClient, operator: dict[str, str], limited: str
) -> None:
    limit(client, operator, limited, requestsPerMinute=3)
    path = f"/v1/events?datasetGroup={limited}"
    answers = [client.post(path, json=events("ann"), headers=operator) for _ in range(5)]
    assert [one.status_code for one in answers] == [202, 202, 202, 429, 429]
    message = error_of(answers[-1])["message"]
    assert "requests_per_minute" in message
    assert "3 times a minute" in message
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 61
    other = client.post("/v1/events", json=events("ann"), headers=operator)
    assert other.status_code == 202, "the limit of one stopped another"
    path = f"/v1/users/ann/history?datasetGroup={limited}"
    assert client.get(path, headers=operator).status_code == 200, "the operator was stopped"


def test_of_a_call_above_the_limit_of_a_day_the_first_events_are_taken(
    client: TestClient, operator: dict[str, str], limited: str
) -> None:
    limit(client, operator, limited, eventsPerDay=2)
    path = f"/v1/events?datasetGroup={limited}"
    bad = {"eventType": "view"}
    answer = client.post(path, json=[*events("a"), bad, *events("b", "c")], headers=operator)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    rejected = answer.json()["rejected"]
    assert [one["index"] for one in rejected] == [1, 3]
    assert rejected[1]["code"] == "too_many_requests"
    assert "2 events a day (events_per_day)" in rejected[1]["message"]
    assert "T00:00:00.000Z" in rejected[1]["message"]
    none = client.post(path, json=events("d"), headers=operator)
    assert none.status_code == 429
    assert 1 <= int(none.headers["retry-after"]) <= 86_400
    assert error_of(none)["code"] == "too_many_requests"


def test_events_beyond_the_limit_of_a_minute_are_rejected_one_by_one(
    client: TestClient, operator: dict[str, str], limited: str
) -> None:
    limit(client, operator, limited, eventsPerMinute=3)
    path = f"/v1/events?datasetGroup={limited}"
    answer = client.post(path, json=events("a", "b"), headers=operator).json()
    assert (answer["accepted"], answer["rejected"]) == (2, [])
    answer = client.post(path, json=events("c", "d", "e"), headers=operator).json()
    assert answer["accepted"] == 1
    assert [one["index"] for one in answer["rejected"]] == [1, 2]
    assert "3 events a minute (events_per_minute)" in answer["rejected"][0]["message"]


def test_what_a_limit_refuses_is_no_dead_letter(
    client: TestClient, operator: dict[str, str], limited: str
) -> None:
    before = client.app.state.plugins["dead_letters"].letters.waiting()  # type: ignore[attr-defined]
    limit(client, operator, limited, eventsPerDay=0)
    path = f"/v1/events?datasetGroup={limited}"
    assert client.post(path, json=events("a"), headers=operator).status_code == 429
    assert client.app.state.plugins["dead_letters"].letters.waiting() == before  # type: ignore[attr-defined]


def test_a_delivery_above_a_limit_is_refused_whole_so_that_it_comes_again(
    client: TestClient, operator: dict[str, str], limited: str
) -> None:
    limit(client, operator, limited, eventsPerDay=1)
    path = f"/v1/events?datasetGroup={limited}"
    headers = operator | {"X-Amz-Firehose-Request-Id": "d1"}
    assert client.post(path, json=events("a", "b"), headers=headers).status_code == 429
    assert client.post(path, json=events("a"), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"eventsPerDay": -1}, "eventsPerDay"),
        ({"eventPerDay": 1}, "eventsPerDay"),
        ({"weight": 0}, "weight"),
        ({"retrainSchedule": "whenever"}, "whenever"),
        ({"eventDays": 0}, "eventDays"),
    ],
)
def test_a_limit_that_cannot_be_is_named(
    client: TestClient, operator: dict[str, str], limits: dict[str, Any], named: str
) -> None:
    answer = client.patch("/v1/dataset-groups/a", json={"limits": limits}, headers=operator)
    assert answer.status_code == 400
    assert named in str(error_of(answer))


def test_null_takes_a_limit_away_and_what_is_left_out_stays(
    client: TestClient, operator: dict[str, str]
) -> None:
    limit(client, operator, "a", eventsPerDay=5, weight=2)
    limit(client, operator, "a", eventsPerDay=None)
    found = client.get("/v1/dataset-groups/a", headers=operator).json()
    assert found["limits"] == {"weight": 2}
    limit(client, operator, "a", weight=None)


def test_the_default_dataset_group_follows_the_setting_of_the_schedule(
    client: TestClient, operator: dict[str, str]
) -> None:
    body = {"limits": {"retrainSchedule": "never"}}
    answer = client.patch(f"/v1/dataset-groups/{DATASET_GROUP}", json=body, headers=operator)
    assert answer.status_code == 400
    assert "retrain_schedule" in error_of(answer)["message"]


def test_use_is_counted_by_dataset_group_and_day(
    client: TestClient, operator: dict[str, str], ours: dict[str, str]
) -> None:
    usage = "/v1/dataset-groups/a/usage"
    store = client.app.state.tenants.usage.store  # type: ignore[attr-defined]
    store()
    before = client.get(usage, headers=operator).json()["days"]
    store()
    client.post("/v1/events", json=events("x", "y"), headers=ours)
    client.get("/v1/users/x/history", headers=ours)
    store()
    (now,) = client.get(usage, headers=ours).json()["days"]
    earlier = before[0] if before else {"events": 0, "requests": 0}
    assert now["events"] - earlier["events"] == 2
    assert now["requests"] - earlier["requests"] == 3, "with the look at the counts before"
    assert now["answerSeconds"] > 0


def test_names_of_dataset_groups_that_there_are_not_are_not_counted(
    client: TestClient, operator: dict[str, str]
) -> None:
    for path in ("/v1/dataset-groups/nowhere/usage", "/v1/tenants/nowhere"):
        assert client.get(path, headers=operator).status_code == 404
    client.app.state.tenants.usage.store()  # type: ignore[attr-defined]
    listed = client.get("/v1/tenants", headers=operator).json()["tenants"]
    assert "nowhere" not in {one["name"] for one in listed}


def test_a_dataset_group_with_a_key_of_its_own_is_not_deleted_before_the_key(
    client: TestClient, operator: dict[str, str]
) -> None:
    for kind in ("campaigns", "solutions", "event-trackers", "filters"):
        assert client.delete(f"/v1/{kind}/ours-a", headers=operator).status_code == 200
    answer = client.delete("/v1/dataset-groups/a", headers=operator)
    assert answer.status_code == 409
    assert "pawsonalize keys delete PAWS" in error_of(answer)["message"]
