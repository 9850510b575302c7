"""Batches of a stream: every event is taken once, or kept, or comes again."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pawsonalize.core import clock
from pawsonalize.core.times import parse_moment
from pawsonalize_functions import put_events, recommend
from tests.aws.wire.server import Wire
from tests.deploy.conftest import Deployment
from tests.deploy.stream_batches import Calls, batch, failures, history, record
from tests.service_data import DOGS, metadata, view

TAKEN: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def _queue(deployment: Deployment) -> None:
    deployment.make_dead_letter_queue()


def test_an_event_in_the_envelope_of_the_stream_is_in_the_next_answer(
    wire: Wire, deployment: Deployment
) -> None:
    before = recommend.handler({"userId": "enveloped"}, None)
    envelope = {"Partitionkey": "any", "Data": view("enveloped", DOGS[0], animal_id="98765")}
    assert put_events.handler(batch(envelope), None) == TAKEN
    assert recommend.handler({"userId": "enveloped"}, None) != before
    (event,) = history(wire, "enveloped")
    assert (event["itemId"], event["animal_id"]) == (DOGS[0], "98765")


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda event: event,
        lambda event: {"Data": json.dumps(event), "Partitionkey": 1},
        lambda event: [event],
        lambda event: {"events": [event]},
        lambda event: {"Data": {"events": [event]}},
    ],
)
def test_a_bare_event_and_every_wrapping_are_read(
    wire: Wire, deployment: Deployment, wrapped: Any, request: pytest.FixtureRequest
) -> None:
    user = f"wrapped {request.node.callspec.indices}"
    assert put_events.handler(batch(wrapped(view(user, DOGS[0]))), None) == TAKEN
    assert len(history(wire, user)) == 1


def test_a_batch_that_comes_again_counts_once(wire: Wire, deployment: Deployment) -> None:
    again = batch(view("twice", DOGS[0]), view("twice", DOGS[0]))
    for _ in range(2):
        assert put_events.handler(again, None) == TAKEN
    assert len(history(wire, "twice")) == 2


def test_a_record_has_the_id_that_the_service_gives_it_when_it_reads_the_stream_itself(
    wire: Wire, deployment: Deployment
) -> None:
    handed_on = batch(view("both ways", DOGS[0]))
    assert put_events.handler(handed_on, None) == TAKEN
    url = f"{wire.url.removesuffix('/aws')}/v1/events"
    assert httpx.post(url, json=handed_on).json()["duplicates"] == 1


def test_an_event_keeps_its_own_time_or_that_of_its_arrival(
    wire: Wire, deployment: Deployment
) -> None:
    at = clock.now() // 1000 - 500
    records = [
        record(view("on time", DOGS[0], sentAt=at - 100), 1),
        record(view("on time", DOGS[1]), 2, approximateArrivalTimestamp=at),
    ]
    assert put_events.handler({"Records": records}, None) == TAKEN
    times = [parse_moment(one["sentAt"], "sentAt") for one in history(wire, "on time")]
    assert times == [1000 * (at - 100), 1000 * at]


def test_ten_events_of_a_session_travel_together_and_in_order(deployment: Deployment) -> None:
    calls = Calls()
    events = [view(f"user {n % 2}", DOGS[n % 6], eventValue=n) for n in range(24)]
    assert put_events.handler(batch(*events), None) == TAKEN
    said = [
        (body["userId"], [event["eventValue"] for event in body["eventList"]])
        for body in calls.bodies
    ]
    assert said == [
        ("user 0", list(range(0, 20, 2))),
        ("user 0", [20, 22]),
        ("user 1", list(range(1, 21, 2))),
        ("user 1", [21, 23]),
    ]


POISON: dict[str, Any] = {
    "no JSON": b"\x00\xff",
    "an aggregate": b"\xf3\x89\x9a\xc2 and more",
    "a number": 5,
    "nothing": None,
    "too deep": b"[" * 100_000,
    "no session": view("x", DOGS[0]) | {"sessionId": None},
    "a wrong type": view("x", DOGS[0], eventType=5),
    "a long id": view("x", DOGS[0]) | {"userId": "u" * 257},
    "long properties": view("x", DOGS[0], properties={"text": "p" * 1024}),
    "no number": view("x", DOGS[0], eventValue="5"),
    "a huge number": view("x", DOGS[0], eventValue=10**400),
    "a long impression": view("x", DOGS[0], impression=[DOGS[0]] * 26),
    "no animal": {"sessionId": "s", "eventType": "view", "animal_id": "7"},
    "no group": {"sessionId": "s", "eventType": "view", "itemId": "7"},
    "tomorrow": view("x", DOGS[0], sentAt="2099-01-01"),
    "misspelt": view(None, DOGS[0]) | {"user_id": "x"},
    "what only the tracker refuses": view("x", DOGS[0], recommendationId="r" * 200),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poison_record_is_kept_with_its_reason_and_costs_no_other(
    wire: Wire, deployment: Deployment, poison: Any, request: pytest.FixtureRequest
) -> None:
    user = f"beside {request.node.callspec.id}"
    sick = batch(view(user, DOGS[0]), poison, view(user, DOGS[1]))
    assert put_events.handler(sick, None) == TAKEN
    assert [one["itemId"] for one in history(wire, user)] == DOGS[:2]
    (letter,) = deployment.dead_letters()
    assert letter["record"] == sick["Records"][1]
    (reason,) = letter["reasons"]
    assert reason["code"]
    assert reason["message"]


def test_an_event_that_the_tracker_refuses_is_found_among_its_session_s(
    wire: Wire, deployment: Deployment
) -> None:
    events: list[Any] = [view("a session", DOGS[n % 3], eventValue=n) for n in range(10)]
    events[4]["recommendationId"] = "r" * 200
    assert put_events.handler(batch(*events), None) == TAKEN
    assert [one["eventValue"] for one in history(wire, "a session")] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    (letter,) = deployment.dead_letters()
    assert letter["record"]["kinesis"]["sequenceNumber"] == "5"


def test_without_a_queue_a_poison_record_is_in_the_log(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DEAD_LETTER_QUEUE_URL")
    assert put_events.handler(batch(5), None) == TAKEN
    letter, counts = capsys.readouterr().out.splitlines()
    assert letter.startswith("dead letter: ")
    assert json.loads(counts)["RecordsRefused"] == 1


def test_a_poison_record_that_is_too_large_for_the_queue_is_kept_without_its_data(
    deployment: Deployment,
) -> None:
    put_events.handler(batch({"text": "x" * 300_000}), None)
    (letter,) = deployment.dead_letters()
    assert letter["record"]["dataIsLeftOut"] is True
    assert letter["record"]["kinesis"]["sequenceNumber"] == "1"


def test_a_poison_record_that_the_queue_does_not_take_comes_again(deployment: Deployment) -> None:
    deployment.set(DEAD_LETTER_QUEUE_URL="http://127.0.0.1:9/nowhere", AWS_MAX_ATTEMPTS="1")
    deployment.set(AWS_ENDPOINT_URL_SQS="http://127.0.0.1:9")
    answer = put_events.handler(batch(view("u", DOGS[0]), 5, view("u", DOGS[1])), None)
    assert failures(answer) == ["2", "3"]


def test_a_throttled_call_is_tried_again_and_then_what_follows_in_its_shard_comes_again(
    wire: Wire, deployment: Deployment
) -> None:
    calls = Calls(allowed=1)
    names = ["first", "second", "first", "third"]
    records = [record(view(name, DOGS[0]), n, shard=n % 2) for n, name in enumerate(names)]
    records.append(record(5, 4, shard=1))
    answer = put_events.handler({"Records": records}, None)
    assert [body["userId"] for body in calls.bodies] == ["first", "second", "second"]
    assert failures(answer) == ["1", "3", "4"]
    assert deployment.dead_letters() == []  # the poison one comes again as well


def test_a_wrong_tracking_id_costs_no_event(deployment: Deployment) -> None:
    deployment.put("EVENT_TRACKER_ID_PATH", "nobody")
    answer = put_events.handler(batch(view("u", DOGS[0]), view("v", DOGS[0])), None)
    assert failures(answer) == ["1", "2"]
    assert deployment.dead_letters() == []


def test_a_batch_is_counted_for_cloudwatch(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    put_events.handler(batch(view("u", DOGS[0]), 5), None)
    counts = json.loads(capsys.readouterr().out)
    assert counts["EventsTaken"] == counts["RecordsRefused"] == 1
    directive = counts["_aws"]["CloudWatchMetrics"][0]
    assert {one["Name"] for one in directive["Metrics"]} == counts.keys() - {"_aws"}


ODD = st.sampled_from([None, "", 5, 7.5, True, [], {}, "x" * 257, "a\x00b", ["1"] * 26, {"a": 1}])
EVENTS = st.fixed_dictionaries(
    {"sessionId": st.just("s") | ODD, "eventType": st.just("view") | ODD},
    optional={
        "userId": ODD,
        "animalMetadata": st.sampled_from([metadata(DOGS[0])] * 3) | ODD,
        "itemId": st.just(DOGS[1]) | ODD,
        "animal_id": ODD,
        "eventId": ODD,
        "sentAt": st.sampled_from(["2026-01-01", 1_700_000_000, "never"]) | ODD,
        "eventValue": ODD,
        "recommendationId": st.just("RID-1") | ODD,
        "impression": st.just([DOGS[0], 5]) | ODD,
        "properties": ODD,
        "page": ODD,
        "Session_Id": ODD,
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(EVENTS)
def test_both_doors_take_the_same_events(wire: Wire, deployment: Deployment, event: Any) -> None:
    deployment.set(DEAD_LETTER_QUEUE_URL="")
    url = f"{wire.url.removesuffix('/aws')}/v1/events"
    theirs = httpx.post(url, json=event).json()
    calls = Calls()
    assert put_events.handler(batch(event), None) == TAKEN
    told = [one for body in calls.bodies for one in body["eventList"]]
    assert len(told) == theirs.get("accepted", 0) + theirs.get("duplicates", 0), theirs


def test_a_record_without_a_sequence_number_is_taken(wire: Wire, deployment: Deployment) -> None:
    bare = batch(view("by hand", DOGS[0]))
    del bare["Records"][0]["kinesis"]["sequenceNumber"]
    assert put_events.handler(bare, None) == TAKEN
    assert len(history(wire, "by hand")) == 1
