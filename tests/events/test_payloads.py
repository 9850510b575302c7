"""Every wrapping in which events come, and what is wrong with some of them."""

import contextlib
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import UnknownFields
from pawsonalize.events.event_form import Origin, Part, Payload, short_id, single, unpack

EVENT = {"sessionId": "s1", "eventType": "view", "utm": "mail", "n": 1}
OTHER = {"sessionId": "s2", "eventType": "like"}
STREAM = "arn:aws:kinesis:eu-west-1:111122223333:stream/adoption-events"
SEQUENCE = "49545115243490985018280067714973144582180062593244200961"


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def base64(document: Any) -> str:
    return b64encode(body(document)).decode()


def kinesis_record(data: str, sequence: str = SEQUENCE) -> dict[str, Any]:
    """A record in the form in which Lambda gets it from Kinesis."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "ann",
            "sequenceNumber": sequence,
            "data": data,
            "approximateArrivalTimestamp": 1779019200.25,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::111122223333:role/lambda-role",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
    }


def events(parts: list[Part]) -> list[Any]:
    found = []
    for part in parts:
        assert isinstance(part, Payload), part
        found.append(json.loads(bytes(part.event)))
    return found


CLOUD_EVENT = {
    "specversion": "1.0",
    "type": "org.shelter.visit",
    "source": "https://shelter.example/site",
    "id": "A234-1234",
    "time": "2026-05-17T12:00:00Z",
}
SINGLE = {
    "bare": EVENT,
    "in the envelope": {"Partitionkey": "ann", "Data": EVENT},
    "as text in the envelope": {"Partitionkey": "ann", "Data": json.dumps(EVENT)},
    "as base64 in the envelope": {"PartitionKey": "ann", "Data": base64(EVENT)},
    "in a list": [EVENT],
    "in events": {"events": [EVENT]},
    "as text": json.dumps(EVENT),
    "from a stream by Lambda": {"Records": [kinesis_record(base64(EVENT))]},
    "in the envelope by Lambda": {
        "Records": [kinesis_record(base64({"Partitionkey": 1, "Data": EVENT}))]
    },
    "from a queue by Lambda": {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "body": json.dumps(EVENT),
                "attributes": {"SentTimestamp": "1779019200250"},
                "eventSource": "aws:sqs",
            }
        ]
    },
    "from Kafka by Lambda": {
        "eventSource": "SelfManagedKafka",
        "records": {
            "visits-0": [
                {
                    "topic": "visits",
                    "partition": 0,
                    "offset": 15,
                    "timestamp": 1779019200250,
                    "key": "YW5u",
                    "value": base64(EVENT),
                }
            ]
        },
    },
    "to be transformed for Firehose": {
        "invocationId": "invoked",
        "deliveryStreamArn": "arn:aws:firehose:eu-west-1:111122223333:deliverystream/raw",
        "records": [
            {
                "recordId": "49546986683135544286507457936321625675700192471156785154",
                "approximateArrivalTimestamp": 1779019200250,
                "data": base64(EVENT),
            }
        ],
    },
    "delivered by Firehose": {
        "requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f",
        "timestamp": 1779019200250,
        "records": [{"data": base64(EVENT)}],
    },
    "in a CloudEvent": {**CLOUD_EVENT, "data": EVENT},
    "as base64 in a CloudEvent": {**CLOUD_EVENT, "data_base64": base64(EVENT)},
    "in a batch of CloudEvents": [{**CLOUD_EVENT, "data": EVENT}],
}


def test_an_event_is_found_in_every_wrapping(subtests: pytest.Subtests) -> None:
    for document in SINGLE.values():
        with subtests.test(document=document):
            assert events(unpack(body(document))) == [EVENT]


def test_what_is_kept_of_an_event_is_read_as_the_same_event_again(
    subtests: pytest.Subtests,
) -> None:
    for document in SINGLE.values():
        with subtests.test(document=document):
            (part,) = unpack(body(document))
            again = single(part.raw)
            assert bytes(again.event) == bytes(part.event)  # type: ignore[union-attr]


def test_base64_alone_is_a_body() -> None:
    assert events(unpack(base64([EVENT, OTHER]).encode())) == [EVENT, OTHER]


def test_several_events_stay_in_their_order() -> None:
    records = [kinesis_record(base64([EVENT, OTHER]), "1"), kinesis_record(base64(EVENT), "2")]
    assert events(unpack(body({"Records": records}))) == [EVENT, OTHER, EVENT]


def test_the_same_record_has_the_same_origin_whoever_hands_it_on() -> None:
    handed_on = unpack(body({"Records": [kinesis_record(base64(EVENT))]}))
    read = Origin(f"adoption-events/shardId-000000000006/{SEQUENCE}", 1779019200.25)
    assert handed_on[0].origin == read
    listed = unpack(body([EVENT, OTHER]), read)
    assert [part.origin.event_id for part in listed] == [f"{read.event_id}/0", f"{read.event_id}/1"]


def test_a_cloud_event_says_when_and_which() -> None:
    (part,) = unpack(body({**CLOUD_EVENT, "data": EVENT}), Origin("of the stream", 7))
    assert part.origin == Origin("https://shelter.example/site/A234-1234", "2026-05-17T12:00:00Z")


def test_a_moment_of_a_queue_that_is_no_number_is_none() -> None:
    for sent in ("²", "9" * 5_000, "soon"):
        record = {"body": json.dumps(EVENT), "attributes": {"SentTimestamp": sent}}
        assert events(unpack(body({"Records": [record]}))) == [EVENT]


def test_one_bad_part_costs_no_other() -> None:
    records = [
        kinesis_record(base64(EVENT), "1"),
        kinesis_record("no base64!", "2"),
        kinesis_record(b64encode(b"\x00\x01").decode(), "3"),
        kinesis_record(base64([OTHER, "noise", 7]), "4"),
    ]
    parts = unpack(body({"Records": records}))
    assert [isinstance(part, Payload) for part in parts] == [True, False, False, True, False, False]
    assert parts[1].raw == b"no base64!"
    assert parts[1].origin.event_id == "adoption-events/shardId-000000000006/2"


def test_a_body_without_events_is_refused_in_words(subtests: pytest.Subtests) -> None:
    cases: list[tuple[bytes, str]] = [
        (b"hello", "this is not JSON"),
        (b"", "this is not JSON"),
        (b"\xff\xfe", "this is not JSON"),
        (b"nonsense", "this is not JSON"),
        (body({"Records": 7}), "none of the shapes"),
        (body({"Records": [{"dynamodb": {}}]}), "none of the shapes"),
        (body({"records": [{"data": 7}]}), "none of the shapes"),
        (body(CLOUD_EVENT), "has no data"),
        (body({"specversion": "1.0", "data": EVENT}), "id is missing"),
        (body({"events": [EVENT], "datasetGroup": "b"}), "into the query"),
        (body({"events": EVENT}), "events"),
    ]
    for document, message in cases:
        with (
            subtests.test(document=document, message=message),
            pytest.raises(InvalidInput, match=message),
        ):
            unpack(document)


def test_wrappings_have_an_end() -> None:
    document: Any = EVENT
    for _ in range(8):
        document = {"Data": document}
    with pytest.raises(InvalidInput, match="wrapped too deeply"):
        unpack(body(document))


def test_what_has_an_event_type_is_an_event_whatever_else_it_has() -> None:
    own = {**EVENT, "records": [1], "Records": 2, "specversion": 3}
    assert events(unpack(body(own))) == [own]


def test_names_beside_an_envelope_are_noted() -> None:
    unknown = UnknownFields()
    unpack(body([{"Partitionkey": "p", "Data": EVENT, "Trace": 1}]), unknown=unknown)
    assert list(unknown.values()) == ["Trace"]


def test_a_long_origin_becomes_a_digest() -> None:
    assert short_id("x" * 256) == "x" * 256
    assert len(short_id("x" * 257) or "") == 64
    assert short_id("x" * 257) != short_id("y" * 257)


wrapped = st.recursive(
    st.just(EVENT),
    lambda inner: st.one_of(
        inner.map(lambda one: {"Data": one}),
        inner.map(lambda one: {"Partitionkey": "p", "Data": base64(one)}),
        st.lists(inner, min_size=1, max_size=3),
        inner.map(lambda one: {"Records": [kinesis_record(base64(one))]}),
        inner.map(lambda one: {**CLOUD_EVENT, "data": one}),
    ),
    max_leaves=4,
)


@given(wrapped)
def test_wrappings_lie_in_each_other(document: Any) -> None:
    with contextlib.suppress(InvalidInput):
        parts = unpack(body(document))
        assert parts
        for part in parts:
            if isinstance(part, Payload):
                assert json.loads(bytes(part.event)) == EVENT
            else:
                assert "too deeply" in part.error.message


@given(st.binary(max_size=200))
def test_no_bytes_break_it(noise: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        unpack(noise)


def test_more_parts_than_a_call_may_have_are_refused_before_any_is_read() -> None:
    event = [EVENT]
    for document, count in (
        ([0] * 11, 11),
        ({"events": [0] * 11}, 11),
        ({"Records": [kinesis_record("")] * 11}, 11),
        ([[0] * 6, [0] * 6], 12),
    ):
        with pytest.raises(InvalidInput, match=f"takes 10 events, not {count}: split it"):
            unpack(body(document), most=10)
    wrapped = {"Records": [kinesis_record(base64(event))] * 10}
    assert len(events(unpack(body(wrapped), most=10))) == 10, "what wraps an event counts once"
