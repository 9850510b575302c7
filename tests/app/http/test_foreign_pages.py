"""Without keys: pages of other sites, and names that are not ours, reach nothing."""

import pytest
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core.scopes import Scope
from tests.http_fixtures import error_of
from tests.service_data import client_of, make_key, make_service

NAMES = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"]


def test_a_page_that_calls_us_by_its_own_name_is_refused(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    """Its name points at this machine now, so to the browser we are the page's own server."""
    for path in ["/v1/users/ann/history", "/v1/runs", "/metrics", "/aws", "/docs"]:
        for host in NAMES:
            with subtests.test(path=path, host=host):
                answer = client.get(path, headers={"Host": host})
                assert answer.status_code == 403
                assert error_of(answer)["code"] == "foreign_host"
                assert "allowed_hosts" in error_of(answer)["message"]


def test_this_machine_answers_by_its_addresses(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    for host in ["localhost", "127.0.0.1:1", "[::1]:8080", "a.localhost", "10.1.2.3", "pets"]:
        with subtests.test(host=host):
            assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_a_page_of_another_site_changes_nothing(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    calls: list[tuple[str, str]] = [
        ("POST", "/v1/runs"),
        ("POST", "/v1/events"),
        ("POST", "/v1/recommendations"),
        ("DELETE", "/v1/users/ann"),
        ("PUT", "/v1/animals"),
        ("POST", "/aws"),
        ("POST", "/aws/recommendations"),
    ]
    headers: list[dict[str, str]] = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://[evil"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    for method, path in calls:
        for said in headers:
            with subtests.test(method=method, path=path, said=said):
                answer = client.request(method, path, content=b"{}", headers=said)
                assert answer.status_code == 403


def test_our_own_pages_may_call(client: TestClient) -> None:
    ours = {"Origin": "http://127.0.0.1:8080"}
    assert client.post("/v1/recommendations", json={}, headers=ours).status_code == 200


def test_names_that_the_settings_allow_are_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = make_service(tmp_path_factory.mktemp("named"), allowed_hosts="Pets.example, other")
    with client_of(build_app(settings)) as client:
        for host in ("pets.example", "pets.example:8443", "other"):
            ours = {"Host": host, "Origin": f"https://{host}"}
            assert client.post("/v1/recommendations", json={}, headers=ours).status_code == 200
        behind_a_proxy = {"Origin": "https://pets.example"}
        answer = client.post("/v1/recommendations", json={}, headers=behind_a_proxy)
        assert answer.status_code == 200
        assert client.get("/healthz", headers={"Host": "pets.net"}).status_code == 403


def test_a_page_whose_origin_has_a_key_needs_that_key_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = make_service(tmp_path_factory.mktemp("keyless"))
    page = "https://shelter.example"
    key = make_key(settings, Scope.BROWSER, origins=[page])
    with client_of(build_app(settings)) as client:
        assert client.get("/v1/runs", headers={"Origin": page}).status_code == 403
        headers = {"Origin": page, "Authorization": f"Bearer {key}"}
        assert client.get("/v1/runs", headers=headers).status_code == 403
        assert client.post("/v1/recommendations", json={}, headers=headers).status_code == 200


def test_a_refused_preflight_names_the_origin_that_no_key_names(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = make_service(tmp_path_factory.mktemp("preflights"), access_keys="required")
    page, other = "https://shelter.example", "https://www.shelter.example"
    key = make_key(settings, Scope.BROWSER, origins=[page])
    preflight = {"Access-Control-Request-Method": "POST"}
    with client_of(build_app(settings)) as client:
        allowed = client.options("/v1/events", headers={"Origin": page, **preflight})
        assert allowed.status_code == 204
        assert allowed.headers["Access-Control-Allow-Origin"] == page
        refused = client.options("/v1/events", headers={"Origin": other, **preflight})
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers
        with_key = {"Origin": other, "Authorization": f"Bearer {key}"}
        called = client.post("/v1/recommendations", json={}, headers=with_key)
        without = client.post("/v1/recommendations", json={}, headers={"Origin": other})
        for answer in (refused, called, without):
            assert error_of(answer)["code"] == "foreign_origin"
            assert other in error_of(answer)["message"]
            assert f"keys create --scope browser --origin {other}" in error_of(answer)["message"]
        hidden = client.post("/v1/recommendations", json={}, headers={"Origin": "null"})
        assert "--origin ORIGIN" in error_of(hidden)["message"]
