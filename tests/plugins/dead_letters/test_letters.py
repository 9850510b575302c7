"""Whom a dead letter seems to be about, whatever state it is in."""

import base64
import json

import pytest

from pawsonalize.core.event import SESSION, USER, visitor_digest
from pawsonalize.plugins.dead_letters.letters import DeadLetter, names_in, visitors_in

BOTH = {visitor_digest(USER, "u1"), visitor_digest(SESSION, "s1")}
EVENT = json.dumps({"userId": "u1", "sessionId": "s1", "eventType": 3})


def test_users_and_sessions_are_found_in_what_cannot_be_read(subtests: pytest.Subtests) -> None:
    for raw in [
        EVENT,
        '{"user_id": "u1", "SessionID": " s1 "}',
        f'{{"Partitionkey": "x", "Data": {EVENT}}}',
        json.dumps({"Data": EVENT}),
        json.dumps([{"Data": base64.b64encode(EVENT.encode()).decode()}]),
        json.dumps({"Records": [{"kinesis": {"data": base64.b64encode(EVENT.encode()).decode()}}]}),
        base64.b64encode(EVENT.encode()).decode(),
        EVENT[:-1],
        base64.b64encode(EVENT.encode()).decode()[:-3],
        json.dumps({"Data": json.dumps({"Data": EVENT})})[:-3],
        r'{"userId": "\u00751", "sessionId": "s\u0031"}',
        f"{EVENT}\n{EVENT}",
        json.dumps(EVENT)[1:-2],
        "user_id=u1&session_id=s1",
        "{userId: 'u1', sessionId: 's1'}",
        "\udcff".encode("utf-8", "surrogateescape").decode("latin-1") + EVENT,
    ]:
        with subtests.test(raw=raw):
            assert visitors_in(raw.encode("utf-8", "surrogatepass")) == BOTH


def test_the_sign_before_a_name_does_not_hide_it() -> None:
    assert names_in(rb'{"userId": "a \"b\""}') >= {(USER, 'a "b"')}
    assert names_in('{"userId": "\u00e9"}'.encode(), rb'{"userId": "\u00e8"}') == {
        (USER, "\u00e9"),
        (USER, "\u00e8"),
    }


def test_numbers_are_ids_as_in_events() -> None:
    expected = {visitor_digest(USER, "7"), visitor_digest(SESSION, "8")}
    assert visitors_in(b'{"userId": 7, "sessionId": 8.0}') == expected
    assert visitors_in(b'{"userId": 7, "sessionId": 8') == expected


def test_what_names_nobody_is_about_nobody() -> None:
    assert visitors_in(b"") == visitors_in(b"\xff\x00") == visitors_in(b'["userId"]') == set()
    assert visitors_in(None, b'{"userId": null, "sessionId": ""}') == set()


def test_what_is_nested_as_deeply_as_can_be_is_searched_too() -> None:
    deep = b"[" * 100_000 + EVENT.encode() + b"]" * 100_000
    assert visitors_in(deep) == BOTH


def test_an_id_comes_of_the_place_in_the_stream_and_needs_no_escaping() -> None:
    first, second = (
        DeadLetter(
            "nats://a/b", "g", at, b"", code="c", message="m", position="clicks.0/12/3"
        ).letter_id
        for at in (1, 2)
    )
    assert first == second
    assert first.isalnum()
