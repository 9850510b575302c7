"""Whatever comes in, the answer is one of ours: 4xx in the one shape, and never a 5xx."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from pawsonalize.app.http.operations import OPERATIONS
from tests.http_fixtures import error_of
from tests.service_data import CATS, DOGS, metadata, view

QUESTIONS = ("/v1/events", "/v1/recommendations", "/v1/rerankings")

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a blank": b" ",
    "no JSON": b"hello",
    "half of it": b'{"userId": "an',
    "two values": b"{} {}",
    "null": b"null",
    "a number": b"7",
    "text": b'"ann"',
    "a NUL": b"\x00",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"userId": "ann"}'.encode("utf-16"),
    "Latin-1": '{"userId": "Zoë"}'.encode("latin-1"),
    "a lone surrogate, escaped": b'{"userId": "\\udc00", "sessionId": "\\ud800x"}',
    "a lone surrogate in UTF-8": b'{"userId": "\xed\xa0\x80"}',
    "an escaped NUL": b'{"userId": "a\\u0000", "sessionId": "a\\u0000"}',
    "NaN": b'{"userId": NaN}',
    "Infinity": b'{"userId": -Infinity}',
    "a number of 5,000 digits": b'{"userId": ' + b"9" * 5000 + b"}",
    "an exponent beyond all bounds": b'{"userId": 1e999999999}',
    "a deep list": b"[" * 90_000 + b"]" * 90_000,
    "a deep object": b'{"userId": ' * 15_000 + b"1" + b"}" * 15_000,
    "a deep unknown field": b'{"x": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    "an endless list": b"[" * 190_000,
    "a form": b"userId=ann&limit=5",
    "XML": b"<?xml version='1.0'?><userId>ann</userId>",
}


def test_a_body_that_is_no_request_is_a_client_error(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    for path in QUESTIONS:
        for name, body in BODIES.items():
            with subtests.test(name, path=path):
                answer = client.post(path, content=body)
                assert answer.status_code == 400
                error_of(answer)


TAKERS = [
    (operation.method, re.sub(r"{(\w+)(:\w+)?}", r"\1", operation.path), "")
    for operation in OPERATIONS
    if operation.request
]
TAKERS += [
    ("POST", "/aws", "AmazonPersonalize.CreateFilter"),
    ("POST", "/aws/recommendations", ""),
    ("POST", "/aws/personalize-ranking", ""),
    ("POST", "/aws/events", ""),
]


def test_deeply_nested_json_is_a_client_error_wherever_it_is_sent(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    event = json.dumps(view("deep", CATS[0]))[:-1]
    names = ("x", "userId", "properties", "animalMetadata", "context", "attributes", "at")
    for method, path, target in TAKERS:
        for depth in (950, 1_000, 40_000):
            for begin, end in (("[", "]"), ('{"a":', "}")):
                deep = begin * depth + "1" + end * depth
                bodies = [deep, *(f'{{"{name}": {deep}}}' for name in names)]
                if path.endswith("/events"):  # a whole event but for one field
                    bodies += [f'{event}, "{name}": {deep}}}' for name in names]
                with subtests.test(method=method, path=path, target=target, depth=depth):
                    for body in bodies:
                        answer = client.request(
                            method, path, content=body, headers={"x-amz-target": target}
                        )
                        assert answer.status_code < 500, (answer.text, body[:60])


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_body_above_the_limit_is_refused_as_too_large(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b" " * 200_001)
    assert answer.status_code == 413
    error = error_of(answer)
    assert error["code"] == "too_large"
    assert "200000 bytes" in error["message"]


def test_a_body_of_unstated_length_is_stopped_at_the_limit(client: TestClient) -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        while taken < 50:
            taken += 1
            yield b" " * 10_000

    assert client.post("/v1/events", content=endless()).status_code == 413


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/x.y+json"])
def test_json_by_any_of_its_names_is_taken(client: TestClient, user: str, kind: str) -> None:
    body = json.dumps(view(user, CATS[0]))
    answer = client.post("/v1/events", content=body, headers={"content-type": kind})
    assert answer.status_code == 202


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "json"])
def test_a_body_that_is_not_said_to_be_json_is_refused(client: TestClient, kind: str) -> None:
    """Pages of other sites can send such bodies without asking."""
    answer = client.post("/v1/events", content="{}", headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/json" in error_of(answer)["message"]


def test_an_unknown_path_is_not_found_in_the_one_shape(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    for path in ["/", "/v1", "/v2/events", "/v1/user/ann", "/v1/events/1", "/.env", "/%00", "/%ff"]:
        with subtests.test(path=path):
            answer = client.get(path)
            assert answer.status_code == 404
            error = error_of(answer)
            assert (error["code"], "/docs" in error["message"]) == ("not_found", True)


def test_a_wrong_method_is_refused_with_those_that_are_allowed(
    client: TestClient, subtests: pytest.Subtests
) -> None:
    cases: list[tuple[str, str, str]] = [
        ("GET", "/v1/events", "POST"),
        ("DELETE", "/v1/recommendations", "POST"),
        ("PUT", "/v1/rerankings", "POST"),
        ("PATCH", "/healthz", "GET"),
        ("POST", "/v1/users/ann/history", "GET"),
        ("POST", "/openapi.json", "GET"),
        ("TRACE", "/docs", "GET"),
    ]
    for method, path, allowed in cases:
        with subtests.test(method=method, path=path, allowed=allowed):
            answer = client.request(method, path)
            assert answer.status_code == 405
            assert error_of(answer)["code"] == "method_not_allowed"
            assert allowed in answer.headers["allow"]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([2**63, -(2**64), 10**300, 1e308, "", " ", "\x00", "\ud800", "0", "2-B-1-1"])
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
_ITEMS = st.lists(
    st.fixed_dictionaries({"itemId": _JSON, "animalMetadata": st.just(metadata(DOGS[0])) | _JSON}),
    max_size=4,
)
_REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "userId": st.just("ann") | _JSON,
        "sessionId": st.just("s") | _JSON,
        "limit": st.integers(-2, 600) | _JSON,
        "at": st.integers() | st.just("2026-05-17T12:00:00Z") | _JSON,
        "eventType": st.just("view") | _JSON,
        "eventValue": _JSON,
        "properties": _JSON,
        "impression": _JSON,
        "animalMetadata": st.just(metadata(CATS[0])) | _JSON,
        "animal_id": _JSON,
        "itemMetadataList": _ITEMS | _JSON,
        "events": st.lists(_JSON, max_size=3),
        "Data": _JSON,
        "houshold": _JSON,
        "household": st.fixed_dictionaries({}, optional={"kids": _JSON, "Dogs": _JSON}) | _JSON,
        "deny": _JSON,
        "context": _JSON,
        "preferences": _JSON,
        "filterValues": _JSON,
        "colour": _JSON,
    },
)


@given(path=st.sampled_from(QUESTIONS), body=_REQUESTS | _JSON)
def test_any_json_is_answered_in_one_of_our_shapes(
    client: TestClient, path: str, body: Any
) -> None:
    answer = client.post(path, content=json.dumps(body).encode())
    assert answer.status_code in (200, 202, 400), answer.text
    if answer.status_code == 400:
        error_of(answer)
