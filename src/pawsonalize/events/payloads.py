"""Payloads of sites and streams, taken apart into single events, for every door and stream.

Read are: an event; a list of events; `{"events": […]}`; each of them in the stream's envelope
(`{"Partitionkey": …, "Data": …}`), as base64, as text of JSON, in a CloudEvent in JSON, or in what
AWS Lambda (`{"Records": […]}`) and Amazon Data Firehose (`{"records": […]}`) hand on. Wrappings may
lie in each other.
"""

import hashlib
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms import decoder
from pawsonalize.core.limits import MAX_ID_LENGTH

# All events of a call go into one dataset group, and the query names it.
IN_THE_QUERY: Mapping[str, str] = MappingProxyType(
    {
        "datasetgroup": "it into the query, ?datasetGroup=",
        "campaign": "it into the query, ?campaign=",
        "trackingid": "the tracker's group into the query, ?datasetGroup=",
    }
)


class _Wrapped(decoder.Form, frozen=True):
    events: list[Raw]

    synonyms = IN_THE_QUERY


# `{"events": […]}`, where a misspelt name beside the events is refused.
WRAPPED = msgspec.json.Decoder(_Wrapped)


class CloudEvent(msgspec.Struct, frozen=True):
    """A CloudEvent 1.0 in JSON: https://github.com/cloudevents/spec."""

    id: str
    source: str
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None
    time: str | None = None


_CLOUD_EVENT = msgspec.json.Decoder(CloudEvent)


class Origin(msgspec.Struct, frozen=True):
    """Fields of a wrapping that hold for the events in it which lack them."""

    event_id: str | None = None
    """An id that the same event has whenever it is handed on again."""
    sent_at: str | float | None = None
    """The moment when it happened, or came in first: anything that `parse_moment` reads."""

    def within(self, place: int | str) -> "Origin":
        """That of one of several events."""
        return self if self.event_id is None else replace(self, event_id=f"{self.event_id}/{place}")


_Record = tuple[bytes | Raw, bool, Origin]
"""An entry of a list, or data that is handed on; True if it is text, and not base64 of it."""


def _records_of(text: bytes | Raw) -> list[_Record]:
    """The records of a Lambda or Firehose document; InvalidInput if it is of neither shape."""
    document = decoder.read_json(text)
    try:
        if "Records" in document:
            return [_of_lambda(one) for one in document["Records"]]
        records = document["records"]
        if isinstance(records, dict):
            return [
                _record(
                    one["value"],
                    f"{one['topic']}/{one['partition']}/{one['offset']}",
                    one.get("timestamp"),
                )
                for topic in records.values()
                for one in topic
            ]
        request = document.get("requestId")
        return [_of_firehose(one, request, place) for place, one in enumerate(records)]
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "these records are of none of the shapes that AWS Lambda and Amazon Data Firehose hand"
            " on: Records[].kinesis.data, Records[].body or records[].data",
            field="Records" if "Records" in document else "records",
        ) from error


def _of_lambda(record: dict[str, Any]) -> _Record:
    if "kinesis" not in record:  # from a queue
        sent = record.get("attributes", {}).get("SentTimestamp")
        is_number = isinstance(sent, str) and sent.isdecimal() and len(sent) < 16
        moment = int(sent) if is_number else None
        return _record(record["body"], record.get("messageId"), moment, is_text=True)
    kinesis = record["kinesis"]
    # Stream, shard and sequence number name a record for good, however often it is handed on.
    stream = str(record.get("eventSourceARN", "")).rpartition("/")[2]
    shard = str(record.get("eventID", "")).partition(":")[0]
    place = f"{stream}/{shard}/{kinesis['sequenceNumber']}" if stream and shard else None
    return _record(kinesis["data"], place, kinesis.get("approximateArrivalTimestamp"))


def _of_firehose(record: dict[str, Any], request: str | None, place: int) -> _Record:
    source = record.get("kinesisRecordMetadata", {})
    if source.get("shardId") and source.get("sequenceNumber"):
        found: str | None = f"{source['shardId']}/{source['sequenceNumber']}"
    else:
        found = record.get("recordId") or (f"{request}/{place}" if request else None)
    return _record(record["data"], found, record.get("approximateArrivalTimestamp"))


def _record(data: object, event_id: str | None, at: Any, *, is_text: bool = False) -> _Record:
    if not isinstance(data, str):
        raise TypeError
    return data.encode(), is_text, Origin(event_id, at)


_DEEPEST = 6
MOST_PARTS = 100_000
"""Parts of a text that are taken apart; a stream's record has few."""
_OF_ENVELOPES = {"data", "partitionkey"}

Text = bytes | Raw


class Payload(msgspec.Struct, frozen=True):
    """The JSON of one event, not checked yet."""

    event: Text
    """The event, bare."""
    raw: Text
    """The same in its wrappings, as far as they hold nothing but this event."""
    origin: Origin = Origin()


class Unreadable(msgspec.Struct, frozen=True):
    """A part that holds no event, beside others that may."""

    raw: Text
    error: InvalidInput
    origin: Origin = Origin()


Part = Payload | Unreadable


class _Peek(msgspec.Struct, frozen=True, rename="camel"):
    """Fields that tell wrappings from events; whether the rest fits is seen later."""

    event_type: Raw | UnsetType = UNSET
    events: list[Raw] | UnsetType = UNSET
    data: Raw | UnsetType = msgspec.field(name="Data", default=UNSET)
    specversion: Raw | UnsetType = UNSET
    lambda_records: Raw | UnsetType = msgspec.field(name="Records", default=UNSET)
    records: Raw | UnsetType = UNSET


_PEEK = msgspec.json.Decoder(_Peek)
_LIST = msgspec.json.Decoder(list[Raw])
_STRING = msgspec.json.Decoder(str)
_ENVELOPE = msgspec.json.Decoder(dict[str, Raw])


def unpack(
    body: Text,
    origin: Origin | None = None,
    unknown: decoder.UnknownFields | None = None,
    most: int = MOST_PARTS,
) -> list[Part]:
    """The events of a body or a stream's record, in their order.

    In a list, what is wrong with one part costs no other. InvalidInput if it holds no event, or
    more than `most` parts. `unknown` gets fields of the wrappings.
    """
    unknown = decoder.UnknownFields() if unknown is None else unknown
    return _Unpacking(unknown, most).parts(body, body, origin or Origin(), 0)


def single(raw: Text) -> Payload:
    """The event of a text that holds just one; InvalidInput if it does not."""
    parts = unpack(raw)
    if len(parts) != 1 or isinstance(parts[0], Unreadable):
        raise InvalidInput("this is not one event")
    return parts[0]


def short_id(text: str | None) -> str | None:
    """The text if it is short enough for an id, else a digest of it."""
    if text is None or len(text) <= MAX_ID_LENGTH:
        return text
    return hashlib.sha256(text.encode()).hexdigest()


class _TooMany(InvalidInput):
    """A call has more events than it may have."""

    def __init__(self, count: int, most: int) -> None:
        super().__init__(f"a call takes {most} events, not {count}: split it", field="events")


class _Unpacking(msgspec.Struct):
    unknown: decoder.UnknownFields
    most: int
    count: int = 1

    def parts(self, text: Text, raw: Text, origin: Origin, depth: int) -> list[Part]:
        """Return the events in a text; `raw` has them in their wrappings."""
        if depth > _DEEPEST:
            raise InvalidInput("this event is wrapped too deeply: send it with fewer wrappings")
        begin = bytes(text).lstrip()[:1]
        if begin == b"[":
            found = decoder.decode(_LIST, text)
            return self._listed(found, origin, depth)
        if begin == b"{":
            return self._of_object(text, raw, origin, depth)
        inner = decoder.decode(_STRING, text).encode() if begin == b'"' else bytes(text)
        if begin == b'"' and inner.lstrip()[:1] in {b"{", b"["}:
            return self.parts(inner, inner, origin, depth + 1)
        inner = _from_base64(inner)
        return self.parts(inner, inner, origin, depth + 1)

    def _listed(self, texts: Sequence[Text], origin: Origin, depth: int) -> list[Part]:
        records = ((text, True, origin.within(place)) for place, text in enumerate(texts))
        return self._each(records, len(texts), depth)

    def _each(self, records: Iterable[_Record], count: int, depth: int) -> list[Part]:
        # Before they are looked at: what is said of a bad part takes far more memory than the part.
        self.count += count - 1  # these are what one part holds
        if self.count > self.most:
            raise _TooMany(self.count, self.most)
        found: list[Part] = []
        for text, is_text, origin in records:
            try:
                plain = text if is_text else _from_base64(bytes(text))
                found += self.parts(plain, plain, origin, depth + 1)
            except _TooMany:
                raise
            except InvalidInput as error:
                found.append(Unreadable(text, error, origin))
        return found

    def _of_object(self, text: Text, raw: Text, origin: Origin, depth: int) -> list[Part]:
        peek = decoder.decode(_PEEK, text)
        if peek.data is not UNSET:
            # Nothing else in an envelope means anything, so no name is wrong there.
            for name in decoder.decode(_ENVELOPE, text):
                if decoder.bare(name) not in _OF_ENVELOPES:
                    self.unknown.setdefault(name, name)
            # Only around an object the envelope holds just this event.
            is_object = bytes(peek.data)[:1] == b"{"
            return self.parts(peek.data, raw if is_object else peek.data, origin, depth + 1)
        if peek.event_type is UNSET:
            if peek.specversion is not UNSET:
                return self._of_cloud_event(text, raw, origin, depth)
            if peek.events is not UNSET:
                decoder.check_fields(WRAPPED, text, self.unknown)
                return self._listed(peek.events, origin, depth)
            if peek.lambda_records is not UNSET or peek.records is not UNSET:
                records = _records_of(text)
                return self._each(records, len(records), depth)
        return [Payload(text, raw, origin)]

    def _of_cloud_event(self, text: Text, raw: Text, outer: Origin, depth: int) -> list[Part]:
        found = decoder.decode(_CLOUD_EVENT, text)
        own = Origin(f"{found.source}/{found.id}", found.time or outer.sent_at)
        if found.data_base64 is not None:
            inner: Text = _from_base64(found.data_base64.encode())
            return self.parts(inner, inner, own, depth + 1)
        if found.data is UNSET:
            raise InvalidInput("this CloudEvent has no data: put the event there", field="data")
        is_object = bytes(found.data)[:1] == b"{"
        return self.parts(found.data, raw if is_object else found.data, own, depth + 1)


def _from_base64(text: bytes) -> bytes:
    """The JSON in base64; InvalidInput if there is none."""
    # What is no base64 was meant to be JSON itself.
    try:
        plain = b64decode(text, validate=True)
    except ValueError:
        plain = b""
    if plain.lstrip()[:1] in {b"{", b"["}:
        return plain
    decoder.decode(_PEEK, text)  # says what is wrong
    raise InvalidInput("this is neither JSON nor base64 of it", code="invalid_json")
