"""Forms in which sites and streams send events, their wrappings, and how they become events."""

import hashlib
import math
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType
from msgspec.structs import replace

from pawsonalize.core import event as events
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms import decoder
from pawsonalize.core.forms.decoder import (
    Form,
    Id,
    Moment,
    UnknownFields,
    check_fields,
    decode,
    encode_text,
    readers_of,
)
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import MAX_ID_LENGTH, check_length, parse_id
from pawsonalize.core.times import DAY, parse_moment

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
        """The origin of one of several events, by its place in the wrapping."""
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
    number = kinesis.get("sequenceNumber")
    place = f"{stream}/{shard}/{number}" if stream and shard and number else None
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


# Other words for the moment of an event: without `sentAt` it would count as now.
MOMENTS = dict.fromkeys(
    (
        *("at", "timestamp", "timestampms", "ts", "time", "when", "date", "datetime", "createdat"),
        *("eventtime", "eventdate", "occurredat", "happenedat", "clienttime"),
    ),
    "sentAt",
)
MAX_CLOCK_LEAD = DAY  # a client's clock may be wrong by a time zone, not by more


_Shown = Annotated[list[Id], Meta(extra_json_schema={"maxItems": events.MAX_IMPRESSION_ITEMS})]


class AnimalMetadata(Form, frozen=True):
    """The attribute ids that make an animal's group."""

    animal_species_id: Id
    """1 cat, 2 dog, 3 rabbit, 4 small animal, 5 bird, 6 horse, 7 reptile, 8 barnyard animal."""
    animal_primary_breed_id: Id
    """The breed, as in your own data."""
    animal_size_id: Id
    """1 small, 2 medium, 3 large, 4 extra large."""
    animal_age_id: Id
    """1 baby, 2 young, 3 adult, 4 senior."""

    def group(self) -> AnimalGroup:
        """The animal group; InvalidInput names a bad attribute."""
        return AnimalGroup.of(
            self.animal_species_id,
            self.animal_primary_breed_id,
            self.animal_size_id,
            self.animal_age_id,
        )


def _optional_id(value: object, field: str) -> str | None:
    return None if value is None else parse_id(value, field)


def _finite(value: float | None, field: str) -> float | None:
    if value is not None and not math.isfinite(value):
        raise InvalidInput(f"{field} must be a finite number", field=field)
    return value


def _impression(ids: Sequence[object] | None, field: str) -> tuple[str, ...]:
    """The item ids that were shown; InvalidInput if they are too many."""
    shown = ids or ()
    check_length(field, len(shown), events.MAX_IMPRESSION_ITEMS, "ids")
    return tuple(parse_id(item, field) for item in shown)


def _properties(properties: Mapping[str, object] | None, field: str) -> str | None:
    """The properties as JSON text; InvalidInput if that is too long."""
    if properties is None:
        return None
    text = encode_text(properties, field)
    if len(text) > events.MAX_PROPERTIES_CHARS:
        raise InvalidInput(
            f"{field} may have {events.MAX_PROPERTIES_CHARS} characters as JSON, not {len(text)}",
            field=field,
        )
    return text


class EventForm(Form, frozen=True, rename="camel"):
    """One thing that a visitor did."""

    session_id: Annotated[Id, _optional_id]
    """The session. Its events become the user's as soon as one of them names a user."""
    event_type: Annotated[str, Meta(min_length=1, max_length=events.MAX_TYPE_LENGTH)]
    """Such as `view`, `favorite`, `inquiry`, `application` or `adoption`."""
    animal_metadata: AnimalMetadata | None = None
    """The attributes of the animal's group; leave them out of an animal of the inventory."""
    user_id: Annotated[Id | None, _optional_id] = None
    """The user, if you know who it is."""
    animal_id: Id | None = msgspec.field(name="animal_id", default=None)
    """The animal."""
    item_id: Id | None = None
    """The item, in a dataset group whose items are not animal groups."""
    event_id: Id | None = None
    """An id of your own: an event that comes again with it counts once."""
    sent_at: Moment | None = None
    """When it happened, now if left out."""
    event_value: Annotated[float | None, _finite] = None
    """The amount, such as seconds or a rating."""
    recommendation_id: Annotated[Id | None, _optional_id] = None
    """The answer that led to it."""
    board_id: Id | None = None
    """Of a `pick`, a `no-pick` or an `unpick`: the board. `eventValue` is a pick's rank, from 1."""
    impression: Annotated[_Shown | None, _impression] = None
    """The animals, or groups, that the visitor was shown."""
    properties: Annotated[dict[str, Any] | None, _properties] = None
    """Anything else you want to keep of it."""

    synonyms = MappingProxyType(
        {"data": "Data", "event": "events", "events": "events", **MOMENTS, **IN_THE_QUERY}
    )


_FORM = msgspec.json.Decoder(EventForm)
_READERS = readers_of(EventForm)

GroupOfAnimal = Callable[[str, int], AnimalGroup | None]


def read_event(
    payload: Payload,
    received_at: int,
    group_of: GroupOfAnimal,
    dataset_group: str = events.DEFAULT_DATASET_GROUP,
    unknown: UnknownFields | None = None,
) -> events.Event:
    """Read one event that came in at `received_at`; InvalidInput says what is wrong with it."""
    # Unknown fields are left out and named, and known ones checked strictly.
    form = decode(_FORM, payload.event, unknown)
    origin = payload.origin
    animal_id = _optional_id(form.animal_id, "animal_id")
    sent_at = read_sent_at(origin.sent_at if form.sent_at is None else form.sent_at, received_at)
    is_nothing = pick_of(form.event_type, dataset_group) == events.NO_PICK
    given = msgspec.structs.asdict(form) | {
        "item_id": events.NOTHING
        if is_nothing
        else _item(form, animal_id, sent_at, group_of, dataset_group),
        "sent_at": sent_at,
        # A stream that hands an event on again gives the same id, so it counts once.
        "event_id": short_id(origin.event_id) if form.event_id is None else form.event_id,
        "recommendation_id": form.recommendation_id if form.board_id is None else form.board_id,
    }
    if form.board_id is not None and form.recommendation_id not in {None, form.board_id}:
        raise InvalidInput(
            f"boardId is {form.board_id} and recommendationId is {form.recommendation_id}: a"
            " board's id is both, send it once",
            field="boardId",
        )
    raw = read_raw(payload.raw)
    return read_interaction(dataset_group, received_at, given, animal_id=animal_id, raw=raw)


def unknown_fields_of(raw: str) -> list[str]:
    """The fields of an event as it came in that this program does not know; none if it is none."""
    unknown = UnknownFields()
    with suppress(InvalidInput):
        check_fields(_FORM, single(raw.encode()).event, unknown)
    return list(unknown.values())


def read_raw(raw: bytes | Raw) -> str | None:
    """An event's JSON as text, with U+FFFD for bytes that are no UTF-8; None if it is too long."""
    # Only fields around the event can hold such bytes; so it stays JSON.
    text = bytes(raw).decode("utf-8", "replace")
    return text if len(text) <= events.MAX_RAW_CHARS else None


def pick_of(event_type: object, dataset_group: str) -> str | None:
    """The type of an answer to a board; None for any other event."""
    if dataset_group != events.DEFAULT_DATASET_GROUP or not isinstance(event_type, str):
        return None  # boards are of animals
    meaning = events.STANDARD.meaning(event_type)
    return meaning if meaning in events.PICKS else None


def _item(
    form: EventForm, animal_id: str | None, at: int, group_of: GroupOfAnimal, dataset_group: str
) -> str:
    """The item that the event is about: its own, or the group of its animal."""
    if form.item_id is not None:
        item_id = parse_id(form.item_id, "itemId")
        if dataset_group == events.DEFAULT_DATASET_GROUP and AnimalGroup.parse(item_id) is None:
            raise InvalidInput(
                f"itemId {item_id} is no animal group, species-breed-size-age: send animalMetadata"
                " or an animal_id, or the datasetGroup whose item it is",
                field="itemId",
            )
        return item_id
    if form.animal_metadata is not None:
        return form.animal_metadata.group().id
    if animal_id is None:
        raise InvalidInput(
            "animalMetadata is missing: send animal_species_id, animal_primary_breed_id,"
            " animal_size_id and animal_age_id, or the animal_id of a known animal",
            field="animalMetadata",
        )
    if (group := group_of(animal_id, at)) is None:
        raise InvalidInput(
            f"there is no animal {animal_id}: put it into the inventory, or send its"
            " animalMetadata too",
            field="animal_id",
        )
    return group.id


def read_sent_at(value: object, received_at: int) -> int:
    """The moment of the event: at the latest, and if not sent, `received_at`."""
    if value is None:
        return received_at
    sent_at = parse_moment(value, "sentAt")
    if sent_at > received_at + MAX_CLOCK_LEAD:
        raise InvalidInput(
            "sentAt lies more than a day in the future: check the sender's clock", field="sentAt"
        )
    return min(sent_at, received_at)  # what has come in has happened; the next answer knows it


def read_interaction(
    dataset_group: str,
    received_at: int,
    given: Mapping[str, object],
    *,
    animal_id: str | None = None,
    raw: str | None = None,
) -> events.Event:
    """The event of these values, by its attributes; InvalidInput names the one that is wrong.

    Without an id it gets a new one.
    """
    picked = pick_of(given["event_type"], dataset_group)
    if picked is not None and given.get("recommendation_id") is None:
        raise InvalidInput(
            f"{picked} is of a board: send the boardId that POST /v1/boards gave", field="boardId"
        )
    is_nothing = picked == events.NO_PICK
    return events.Event(
        event_id=_optional_id(given.get("event_id"), "eventId") or events.new_event_id(received_at),
        event_type=picked or parse_id(given["event_type"], "eventType"),
        item_id=events.NOTHING if is_nothing else parse_id(given.get("item_id"), "itemId"),
        sent_at=read_sent_at(given.get("sent_at"), received_at),
        received_at=received_at,
        animal_id=events.NOTHING if is_nothing else animal_id,
        dataset_group=dataset_group,
        raw=raw,
        **{name: read(given.get(name), sent) for sent, (name, read) in _READERS.items()},
    )
