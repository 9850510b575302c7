"""The documents in which events are handed on: Lambda's, Firehose's and CloudEvents'."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.ingest.decoding.decoder import decode, read_json
from pawsonalize.engine.ingest.decoding.unknown_fields import Form

# All events of a call go into one dataset group, and the query names it.
IN_THE_QUERY: Mapping[str, str] = MappingProxyType(
    {
        "datasetgroup": "it into the query, ?datasetGroup=",
        "campaign": "it into the query, ?campaign=",
        "trackingid": "the tracker's group into the query, ?datasetGroup=",
    }
)


class _Wrapped(Form, frozen=True):
    events: list[Raw]

    synonyms = IN_THE_QUERY


WRAPPED = msgspec.json.Decoder(_Wrapped)
"""`{"events": […]}`, where a misspelt name beside the events is refused."""


class CloudEvent(msgspec.Struct, frozen=True):
    """A CloudEvent 1.0 in JSON: https://github.com/cloudevents/spec."""

    id: str
    source: str
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None
    time: str | None = None


_CLOUD_EVENT = msgspec.json.Decoder(CloudEvent)


def cloud_event_of(text: bytes | Raw) -> CloudEvent:
    """Read one; InvalidInput names what is missing."""
    return decode(_CLOUD_EVENT, text)


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A record that a function or a delivery stream hands on."""

    data: str
    is_text: bool = False
    """Whether the data is text; it is base64 otherwise."""
    place: str | None = None
    """Permanent place of origin: the same whenever the event is handed on again."""
    arrived_at: str | float | None = None
    """When the stream or queue took it."""


def records_of(text: bytes | Raw) -> Iterator[HandedOn]:
    """The records of a Lambda or Firehose document; InvalidInput if it is of neither shape."""
    document = read_json(text)
    try:
        if "Records" in document:
            return iter([_of_lambda(one) for one in document["Records"]])
        records = document["records"]
        if isinstance(records, dict):
            return iter([_of_kafka(one) for topic in records.values() for one in topic])
        request = document.get("requestId")
        return iter([_of_firehose(one, request, place) for place, one in enumerate(records)])
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "these records are of none of the shapes that AWS Lambda and Amazon Data Firehose hand"
            " on: Records[].kinesis.data, Records[].body or records[].data",
            field="Records" if "Records" in document else "records",
        ) from error


def _of_lambda(record: dict[str, Any]) -> HandedOn:
    if "kinesis" not in record:  # from a queue
        sent = record.get("attributes", {}).get("SentTimestamp")
        moment = int(sent) if isinstance(sent, str) and sent.isdigit() else None
        return HandedOn(_text(record["body"]), True, record.get("messageId"), moment)
    kinesis = record["kinesis"]
    stream = str(record.get("eventSourceARN", "")).rpartition("/")[2]
    shard = str(record.get("eventID", "")).partition(":")[0]
    place = f"{stream}/{shard}/{kinesis['sequenceNumber']}" if stream and shard else None
    return HandedOn(
        _text(kinesis["data"]), False, place, kinesis.get("approximateArrivalTimestamp")
    )


def _of_kafka(record: dict[str, Any]) -> HandedOn:
    place = f"{record['topic']}/{record['partition']}/{record['offset']}"
    return HandedOn(_text(record["value"]), False, place, record.get("timestamp"))


def _of_firehose(record: dict[str, Any], request: str | None, place: int) -> HandedOn:
    source = record.get("kinesisRecordMetadata", {})
    if source.get("shardId") and source.get("sequenceNumber"):
        found: str | None = f"{source['shardId']}/{source['sequenceNumber']}"
    else:
        found = record.get("recordId") or (f"{request}/{place}" if request else None)
    return HandedOn(_text(record["data"]), False, found, record.get("approximateArrivalTimestamp"))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
