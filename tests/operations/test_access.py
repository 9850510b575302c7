"""Who may do what: every operation, every scope."""

import math
from collections.abc import Iterator

import jwt
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.database.journal import AuditEntry, AuditLog
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import SECOND
from tests.http_fixtures import error_of
from tests.service_data import CATS, client_of, make_key, make_service, metadata, view

PAGE = "https://shelter.example"
EVERY = set(Scope)
SITE = {Scope.SITE, Scope.OPERATOR}
BY_PAGES_TOO = SITE | {Scope.BROWSER}
DESK = {Scope.DESK, Scope.OPERATOR}
CONTROL = {Scope.CONTROL_PLANE, Scope.OPERATOR}
# Written down a second time, on purpose: a new operation has to be thought of here.
MAY = {
    "POST /v1/recommendations": BY_PAGES_TOO | {Scope.RUNTIME},
    "POST /v1/rerankings": BY_PAGES_TOO | {Scope.RUNTIME},
    "POST /v1/recommendations/detailed": BY_PAGES_TOO | {Scope.RUNTIME},
    "GET /v1/animals/{animalId}/similar": BY_PAGES_TOO | {Scope.RUNTIME},
    "GET /v1/animals/{animalId}/similar/detailed": BY_PAGES_TOO | {Scope.RUNTIME},
    "GET /v1/animals/{animalId}/matches": SITE,
    "POST /v1/inquiries": SITE,
    "POST /v1/boards": BY_PAGES_TOO | {Scope.RUNTIME},
    "POST /v1/searches": BY_PAGES_TOO | {Scope.RUNTIME},
    "POST /v1/searches/detailed": BY_PAGES_TOO | {Scope.RUNTIME},
    "POST /v1/boards/{boardId}/picks": BY_PAGES_TOO | {Scope.EVENTS},
    "POST /v1/events": BY_PAGES_TOO | {Scope.EVENTS},
    "GET /v1/users/{userId}/history": SITE,
    "GET /v1/users/{userId}": SITE,
    "PUT /v1/users/{userId}": SITE,
    "DELETE /v1/users/{userId}": SITE,
    "GET /v1/sessions/{sessionId}/history": SITE,
    "DELETE /v1/sessions/{sessionId}": SITE,
    "GET /v1/erasures": SITE,
    "GET /v1/erasures/{erasureId}": SITE,
    "GET /v1/dead-letters": {Scope.OPERATOR},
    "POST /v1/dead-letters/replay": {Scope.OPERATOR},
    "GET /v1/dead-letters/{letterId}": {Scope.OPERATOR},
    "PUT /v1/dead-letters/{letterId}": {Scope.OPERATOR},
    "DELETE /v1/dead-letters/{letterId}": {Scope.OPERATOR},
    "GET /v1/animals": SITE,
    "PUT /v1/animals": SITE,
    "POST /v1/animals/uploads": SITE,
    "POST /v1/animals/feeds/{name}/fetch": SITE,
    "GET /v1/animals/{animalId}": SITE,
    "DELETE /v1/animals/{animalId}": SITE,
    "POST /v1/animals/{animalId}/status": SITE,
    "GET /v1/animals/exposure": {Scope.OPERATOR},
    "GET /v1/runs": {Scope.OPERATOR},
    "POST /v1/runs": {Scope.OPERATOR},
    "GET /v1/runs/{runId}": {Scope.OPERATOR},
    "POST /v1/runs/{runId}/cancel": {Scope.OPERATOR},
    "GET /v1/outcomes": {Scope.OPERATOR},
    "GET /v1/audit": {Scope.OPERATOR},
    "GET /v1/console/animals": DESK,
    "GET /v1/console/animals/{animalId}": DESK,
    "GET /v1/console/feeds": {Scope.OPERATOR},
    "GET /v1/console/uploads": DESK,
    "GET /v1/console/inquiries": DESK,
    "PUT /v1/console/meanings": {Scope.OPERATOR},
    "GET /v1/console/comparison": {Scope.OPERATOR},
    "GET /v1/console/happenings": {Scope.OPERATOR},
    "GET /v1/console/find": {Scope.OPERATOR},
    "GET /v1/console/visitors/newest": {Scope.OPERATOR},
    "GET /v1/console/visitors": {Scope.OPERATOR},
    "GET /v1/console/events": {Scope.OPERATOR},
    "GET /v1/console/data": {Scope.OPERATOR},
    "GET /v1/console/archive": {Scope.OPERATOR},
    "GET /v1/console/settings": {Scope.OPERATOR},
    "POST /v1/console/notifications/test": {Scope.OPERATOR},
    **{
        f"GET /v1/console/{view}": {Scope.OPERATOR}
        for view in ("overview", "models", "models/{name}", "runs/{runId}", "outcomes")
    },
    "GET /v1/streams": {Scope.MONITOR, Scope.OPERATOR},
    "GET /v1/servers": {Scope.MONITOR, Scope.OPERATOR},
    "GET /healthz": EVERY,
    "GET /readyz": EVERY,
    "GET /metrics": {Scope.MONITOR, Scope.OPERATOR},
    **{
        f"{method} {path}": CONTROL
        for paths, methods in (
            (("dataset-groups", "schemas", "datasets", "event-trackers", "filters"), "list one"),
            (("solutions", "campaigns"), "list one change"),
            (("batch-inference-jobs", "batch-segment-jobs"), "list one"),
        )
        for kind in paths
        for method, path in (
            ("GET", f"/v1/{kind}"),
            ("POST", f"/v1/{kind}"),
            ("GET", f"/v1/{kind}/{{name}}"),
            ("DELETE", f"/v1/{kind}/{{name}}"),
            *([("PATCH", f"/v1/{kind}/{{name}}")] if "change" in methods else []),
        )
    },
    "PATCH /v1/dataset-groups/{name}": CONTROL,
    "GET /v1/dataset-groups/{name}/usage": CONTROL,
    "GET /v1/live-tests": CONTROL,
    "POST /v1/live-tests": CONTROL,
    "GET /v1/live-tests/{name}": CONTROL,
    "POST /v1/live-tests/{name}/{action}": CONTROL,
    "GET /v1/tenants": CONTROL,
    "GET /v1/tenants/{name}": CONTROL,
    "GET /v1/recipes": CONTROL,
    "GET /v1/solution-versions": CONTROL,
    "POST /v1/solution-versions": CONTROL,
    "GET /v1/solution-versions/{name}": CONTROL,
    "POST /v1/solution-versions/{name}/stop": CONTROL,
    "POST /v1/campaigns/{name}/rollback": CONTROL,
}
OPEN = {"GET /healthz", "GET /readyz"}
# A page has to say for whom, by a token that the site signed; see below.
SIGNED = {"POST /v1/recommendations/detailed", "GET /v1/animals/{animalId}/similar/detailed"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("locked"), access_keys="required")


@pytest.fixture(scope="module")
def client(service: Settings) -> Iterator[TestClient]:
    with client_of(build_app(service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def keys(service: Settings) -> dict[Scope, str]:
    """A key for each scope."""
    return {
        scope: make_key(service, scope, origins=[PAGE] if scope is Scope.BROWSER else [])
        for scope in Scope
    }


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


def signed(site_key: str, user: str, seconds: float = 3600) -> dict[str, str]:
    """The header that a site's server makes for its visitor."""
    key_id, _, secret = site_key.partition(".")
    claims = {"sub": user, "exp": clock.now() // SECOND + seconds}
    return {"Pawsonalize-Visitor": jwt.encode(claims, secret, "HS256", headers={"kid": key_id})}


def test_every_operation_stands_in_the_table() -> None:
    assert {f"{one.method} {one.documented_path}" for one in OPERATIONS} == MAY.keys()


def test_an_operation_admits_who_the_table_says(
    client: TestClient, keys: dict[Scope, str], subtests: pytest.Subtests
) -> None:
    for operation in OPERATIONS:
        with subtests.test(operation=operation):
            method, path = operation.method, operation.documented_path
            name = f"{method} {path}"
            for placeholder in (
                "{userId}",
                "{sessionId}",
                "{animalId}",
                "{runId}",
                "{name}",
                "{erasureId}",
            ):
                path = path.replace(placeholder, "nobody")
            without = client.request(method, path, json={} if method != "GET" else None)
            assert (without.status_code == 401) is (name not in OPEN)
            for scope, key in keys.items():
                body = {"name": ""} if method != "GET" else None
                answer = client.request(method, path, json=body, headers=bearer(key))
                assert answer.status_code != 401, (name, scope)
                if name in SIGNED and scope is Scope.BROWSER:
                    assert error_of(answer)["code"] == "visitor_unsigned"
                    continue
                assert (answer.status_code != 403) is (scope in MAY[name]), (name, scope)


def test_a_wrong_key_is_refused_even_where_none_is_needed_and_tells_how_to_get_one(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    for key in ["", "nobody", "nobody.secret", "PAWS", "Ünï.x", "."]:
        with subtests.test(key=key):
            for path in ("/v1/animals", "/healthz"):
                answer = client.get(path, headers={"Authorization": f"Bearer {key}".encode()})
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "pawsonalize keys create" in error_of(answer)["message"]


def test_a_key_may_stand_in_an_address_and_other_passwords_are_a_proxys(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    name, _, secret = keys[Scope.SITE].partition(".")
    assert client.get("/v1/animals", auth=(name, secret)).status_code == 200
    assert client.get("/v1/animals", auth=(name, "x")).status_code == 401
    answer = client.get("/v1/animals", auth=("ann", "of the proxy"))
    assert error_of(answer)["message"].startswith("this needs a key")
    unlisted = client.post("/v1/animals/feeds/west/fetch", auth=(name, secret))
    assert (unlisted.status_code, "set feeds_file" in unlisted.text) == (404, True)


def test_a_key_with_another_ones_secret_is_refused(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    key_id = keys[Scope.OPERATOR].partition(".")[0]
    secret = keys[Scope.SITE].partition(".")[2]
    assert client.get("/v1/runs", headers=bearer(f"{key_id}.{secret}")).status_code == 401


def test_an_expired_key_is_refused(client: TestClient, service: Settings) -> None:
    key = make_key(service, Scope.OPERATOR, expires_at=clock.now())
    answer = client.get("/v1/runs", headers=bearer(key))
    assert answer.status_code == 401
    assert "expired" in error_of(answer)["message"]


def test_a_page_is_answered_for_its_session(client: TestClient, keys: dict[Scope, str]) -> None:
    page = bearer(keys[Scope.BROWSER], Origin=PAGE)
    event = view(None, CATS[0])
    assert client.post("/v1/events", json=event, headers=page).status_code == 202
    answer = client.post("/v1/recommendations", json={"sessionId": "s"}, headers=page)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_a_page_may_not_name_a_user_nor_ask_why(client: TestClient, keys: dict[Scope, str]) -> None:
    page = bearer(keys[Scope.BROWSER])
    for path, body in (
        ("/v1/recommendations", {"userId": "seed 1"}),
        ("/v1/recommendations?detail=full", {"sessionId": "s"}),
        ("/v1/recommendations/detailed", {"sessionId": "s"}),
        ("/v1/rerankings", {"userId": "seed 1", "itemMetadataList": [{"itemId": "a"}]}),
    ):
        answer = client.post(path, json=body, headers=page)
        assert answer.status_code == 403, path
        assert error_of(answer)["code"] == "visitor_unsigned"
    similar = client.get("/v1/animals/a/similar?userId=seed 1", headers=page)
    assert similar.status_code == 403


def test_no_page_is_answered_as_of_another_moment_by_any_operation(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    page = bearer(keys[Scope.BROWSER], **signed(keys[Scope.SITE], "seed 1"))
    listed = [{"itemId": "a", "animalMetadata": metadata(CATS[0])}]
    takes = []
    for one in OPERATIONS:
        if Scope.BROWSER not in one.access:
            continue
        assert "at" not in {parameter.name for parameter in one.parameters}
        fields = getattr(one.request, "__struct_encode_fields__", ())
        if "at" not in fields:
            continue
        takes.append(one.path)
        asked = {"userId": "seed 1"} | (
            {"itemMetadataList": listed} if "itemMetadataList" in fields else {}
        )
        asked |= {"query": "calm"} if "query" in fields else {}
        for of in ("groups", "animals"):
            past = client.post(one.path, json=asked | {"of": of, "at": "2026-05-17"}, headers=page)
            assert past.status_code == 403, one.path
            assert error_of(past)["field"] == "at"
        assert client.post(one.path, json=asked, headers=page).status_code == 200, one.path
        site = bearer(keys[Scope.SITE])
        past = client.post(one.path, json=asked | {"at": "2026-05-17T12:00:01Z"}, headers=site)
        assert past.status_code == 200, one.path
    names = {"recommendations", "recommendations/detailed", "rerankings", "boards", "searches"}
    assert set(takes) == {f"/v1/{name}" for name in (*names, "searches/detailed")}


def test_a_page_loses_only_the_events_that_name_another_user(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    page = bearer(keys[Scope.BROWSER], **signed(keys[Scope.SITE], "ann"))
    events = [view(user, CATS[0], sessionId="one") for user in ("ann", "seed 1", None)]
    receipt = client.post("/v1/events", json=events, headers=page).json()
    assert receipt["accepted"] == 2
    (refused,) = receipt["rejected"]
    assert (refused["index"], refused["code"]) == (1, "visitor_unsigned")


def test_a_signed_visitor_is_who_the_site_says(client: TestClient, keys: dict[Scope, str]) -> None:
    page = bearer(keys[Scope.BROWSER], **signed(keys[Scope.SITE], "seed 1"))
    for path in ("/v1/recommendations?detail=full", "/v1/recommendations/detailed"):
        assert client.post(path, json={"userId": "seed 1"}, headers=page).status_code == 200
        assert client.post(path, json={"userId": "seed 2"}, headers=page).status_code == 403


def test_a_visitors_token_must_be_signed_by_a_site_and_good_now(
    client: TestClient, keys: dict[Scope, str], service: Settings
) -> None:
    ended = make_key(service, Scope.SITE, expires_at=clock.now())
    for token in (
        {"Pawsonalize-Visitor": "nonsense"},
        signed(keys[Scope.BROWSER], "seed 1"),
        signed(keys[Scope.SITE].replace(".", ".x"), "seed 1"),
        signed(keys[Scope.SITE], "seed 1", seconds=-120),
        signed(keys[Scope.SITE], "seed 1", seconds=2 * 24 * 3600),
        signed(keys[Scope.SITE], "seed 1", seconds=math.nan),
        signed(keys[Scope.SITE], "seed 1", seconds=math.inf),
        signed(ended, "seed 1"),
    ):
        page = bearer(keys[Scope.BROWSER], **token)
        answer = client.post("/v1/recommendations", json={"userId": "seed 1"}, headers=page)
        assert answer.status_code == 401
        assert error_of(answer)["code"] == "visitor_token_refused"


def test_a_token_without_a_signature_is_refused(client: TestClient, keys: dict[Scope, str]) -> None:
    claims = {"sub": "seed 1", "exp": clock.now() // SECOND + 60}
    key_id = keys[Scope.SITE].partition(".")[0]
    for token in (
        jwt.encode(claims, "", "none", headers={"kid": key_id}),
        jwt.encode({"sub": "seed 1"}, "0" * 40, "HS256"),
    ):
        headers = bearer(keys[Scope.BROWSER], **{"Pawsonalize-Visitor": token})
        answer = client.post("/v1/recommendations", json={"userId": "seed 1"}, headers=headers)
        assert answer.status_code == 401


def test_pages_of_other_sites_are_refused_whatever_they_send(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    elsewhere = "https://elsewhere.example"
    for key in (None, *keys.values()):
        headers = {"Origin": elsewhere} | ({} if key is None else bearer(key))
        for method, path in (("POST", "/v1/recommendations"), ("GET", "/v1/runs")):
            answer = client.request(method, path, json={}, headers=headers)
            assert answer.status_code == 403
            assert error_of(answer)["code"] == "foreign_origin"
            assert "access-control-allow-origin" not in answer.headers


def test_a_browser_may_ask_first_for_pages_that_have_a_key(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    assert keys
    asking = {"Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/events", headers={"Origin": PAGE, **asking})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "Origin" in answer.headers["vary"]
    for origin, path in (("https://elsewhere.example", "/v1/events"), (PAGE, "/aws")):
        answer = client.options(path, headers={"Origin": origin, **asking})
        assert "access-control-allow-origin" not in answer.headers


def test_what_readiness_knows_is_for_who_may_monitor(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    assert client.get("/readyz").json()["campaigns"] == []
    assert client.get("/readyz", headers=bearer(keys[Scope.SITE])).json()["campaigns"] == []
    assert client.get("/readyz", headers=bearer(keys[Scope.MONITOR])).json()["campaigns"]


def test_a_key_that_is_used_too_often_is_told_when_to_come_again(
    client: TestClient, service: Settings
) -> None:
    headers = bearer(make_key(service, Scope.SITE, rate="2/hour"))
    statuses = [client.get("/v1/animals", headers=headers).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = client.get("/v1/animals", headers=headers)
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert error_of(refused)["code"] == "too_many_requests"


def test_answers_say_how_browsers_have_to_treat_them(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    policy = client.get("/docs").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_what_operators_change_is_in_the_audit_log(
    client: TestClient, keys: dict[Scope, str]
) -> None:
    operator, control = bearer(keys[Scope.OPERATOR]), bearer(keys[Scope.CONTROL_PLANE])
    made = client.post("/v1/dataset-groups", json={"name": "audited"}, headers=control)
    assert made.status_code == 201
    client.delete("/v1/dataset-groups/audited", headers=operator)
    client.delete("/v1/dataset-groups/audited", headers=operator)
    client.delete("/v1/users/a very secret name", headers=bearer(keys[Scope.SITE]))
    client.get("/v1/dataset-groups", headers=operator)
    page = client.get("/v1/audit?limit=4", headers=operator).json()
    erased, again, deleted, created = page["actions"]
    assert created["who"] == keys[Scope.CONTROL_PLANE].partition(".")[0]
    assert (created["what"], created["target"]) == ("POST /v1/dataset-groups", "audited")
    assert (deleted["what"], deleted["outcome"]) == ("DELETE /v1/dataset-groups/{name}", "200")
    assert again["outcome"] == "not_found"
    assert erased["what"] == "DELETE /v1/users/{userId}"
    older = client.get(f"/v1/audit?cursor={page['nextCursor']}", headers=operator).json()
    assert created not in older["actions"]
    assert "secret name" not in client.get("/v1/audit?limit=500", headers=operator).text


def test_what_is_done_is_answered_even_where_it_cannot_be_noted(
    client: TestClient, keys: dict[Scope, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(_log: AuditLog, _entry: AuditEntry) -> None:
        raise StorageUnavailable("the disk is full")

    monkeypatch.setattr(AuditLog, "add", add)
    control = bearer(keys[Scope.CONTROL_PLANE])
    made = client.post("/v1/dataset-groups", json={"name": "unnoted"}, headers=control)
    assert made.status_code == 201


def test_nothing_of_this_machine_needs_a_key_by_default() -> None:
    assert not Settings().requires_keys
    assert Settings(host="0.0.0.0").requires_keys
    assert not Settings(host="0.0.0.0", access_keys="open").requires_keys
