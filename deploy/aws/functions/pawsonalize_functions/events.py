"""Events of a stream's record, each checked and in the form of PutEvents."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from pawsonalize_functions.fields import (
    GROUP_FIELDS,
    MAX_ID_LENGTH,
    Refused,
    check_names,
    group_of,
    is_group,
    read_id,
    read_json,
    read_moment,
    read_object,
    read_optional_id,
)

_KNOWN = (
    "sessionId",
    "eventType",
    "animalMetadata",
    "userId",
    "animal_id",
    "itemId",
    "eventId",
    "sentAt",
    "eventValue",
    "recommendationId",
    "impression",
    "properties",
)
_MAX_PROPERTIES, _MAX_IMPRESSION, _MAX_CLOCK_LEAD = 1024, 25, 86_400_000
_DEEPEST = 6
_AGGREGATED = b"\xf3\x89\x9a\xc2"


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event, as a call of PutEvents takes it."""

    user_id: str | None
    session_id: str
    members: Mapping[str, Any]
    """An entry of `eventList`."""

    @property
    def visitor(self) -> tuple[str | None, str]:
        """The events of a call have it in common."""
        return self.user_id, self.session_id


def read_record(record: Mapping[str, Any]) -> list[StreamEvent | Refused]:
    """The events of a record of Kinesis in their order; what is wrong with one costs no other.

    An event that has no id of its own gets one of its place in the stream, so that it is the same
    when the record is handed on again. One without a time happened when the stream took it.
    """
    kinesis = record["kinesis"]
    stream = str(record.get("eventSourceARN", "")).rpartition("/")[2]
    shard = str(record.get("eventID", "")).partition(":")[0]
    # A record that was made by hand may have no number: then its data tells it from others.
    number = kinesis.get("sequenceNumber") or hashlib.sha256(kinesis["data"].encode()).hexdigest()
    place = f"{stream}/{shard}/{number}"
    arrived_at = round(float(kinesis["approximateArrivalTimestamp"]) * 1000)
    found: list[StreamEvent | Refused] = []
    for at, part in _parts_of(kinesis["data"], place):
        try:
            found.append(part if isinstance(part, Refused) else _event(part, at, arrived_at))
        except Refused as refused:
            found.append(refused)
    return found


Part = tuple[str, Any]


def _parts_of(data: object, place: str) -> Iterator[Part]:
    """The events of a record, unchecked, each with its place for good; or Refused in its stead."""
    try:
        plain = base64.b64decode(str(data), validate=True)
        if plain.startswith(_AGGREGATED):
            raise Refused("the Kinesis Producer Library aggregated this: switch aggregation off")
        yield from _parts(read_json(plain), place, 0)
    except Refused as refused:
        yield place, refused
    except ValueError:
        yield place, Refused("the record is not base64", code="invalid_json")


def _parts(value: Any, place: str, depth: int) -> Iterator[Part]:
    if depth > _DEEPEST:
        raise Refused("this event is wrapped too deeply: send it with fewer wrappings")
    if isinstance(value, str):
        yield from _parts(_unquoted(value), place, depth + 1)
    elif isinstance(value, list):
        yield from _each(value, place, depth)
    elif isinstance(value, dict) and "Data" in value:
        yield from _parts(value["Data"], place, depth + 1)
    elif isinstance(value, dict) and "eventType" not in value and "events" in value:
        if not isinstance(value["events"], list):
            raise Refused("events must be a list", "events")
        yield from _each(value["events"], place, depth)
    else:
        yield place, read_object(value)


def _each(values: list[Any], place: str, depth: int) -> Iterator[Part]:
    for number, value in enumerate(values):
        at = f"{place}/{number}"
        try:
            yield from _parts(value, at, depth + 1)
        except Refused as refused:
            yield at, refused


def _unquoted(text: str) -> Any:
    """What text that stands for an event says: JSON, or base64 of it."""
    if text.lstrip()[:1] in {"{", "["}:
        return read_json(text)
    try:
        return read_json(base64.b64decode(text, validate=True))
    except ValueError:
        raise Refused("this is neither JSON nor base64 of it", code="invalid_json") from None


def _event(form: Mapping[str, Any], place: str, arrived_at: int) -> StreamEvent:
    check_names(form, _KNOWN)
    event_id = read_optional_id(form, "eventId") or _short(place)
    members = {
        "eventId": event_id,
        "eventType": _event_type(form),
        "itemId": _item(form),
        "sentAt": _sent_at(form, arrived_at) / 1000,
        "eventValue": _value(form),
        "recommendationId": read_optional_id(form, "recommendationId"),
        "impression": _impression(form),
        "properties": _properties(form),
    }
    return StreamEvent(
        read_optional_id(form, "userId"),
        read_id(form.get("sessionId"), "sessionId"),
        {name: value for name, value in members.items() if value is not None},
    )


def _event_type(form: Mapping[str, Any]) -> str:
    value = form.get("eventType")
    if value is not None and not isinstance(value, str):
        raise Refused("eventType must be text", "eventType")
    return read_id(value, "eventType")


def _item(form: Mapping[str, Any]) -> str:
    if form.get("itemId") is not None:
        item_id = read_id(form["itemId"], "itemId")
        if not is_group(item_id):
            raise Refused(
                f"itemId {item_id} is no animal group, species-breed-size-age: send animalMetadata",
                "itemId",
            )
        if form.get("animalMetadata") is not None:
            group_of(form["animalMetadata"])
        return item_id
    if form.get("animalMetadata") is None:
        raise Refused(
            f"animalMetadata is missing: send {', '.join(GROUP_FIELDS)}", "animalMetadata"
        )
    return group_of(form["animalMetadata"])


def _sent_at(form: Mapping[str, Any], arrived_at: int) -> int:
    """In milliseconds since 1970; what has come in has happened."""
    if form.get("sentAt") is None:
        return arrived_at
    sent_at = read_moment(form["sentAt"], "sentAt")
    if sent_at > arrived_at + _MAX_CLOCK_LEAD:
        raise Refused(
            "sentAt lies more than a day in the future: check the sender's clock", "sentAt"
        )
    return min(sent_at, arrived_at)


def _value(form: Mapping[str, Any]) -> float | None:
    value = form.get("eventValue")
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise Refused("eventValue must be a finite number", "eventValue")


def _impression(form: Mapping[str, Any]) -> list[str] | None:
    given = form.get("impression")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) > _MAX_IMPRESSION:
        raise Refused(f"impression must be a list of at most {_MAX_IMPRESSION} ids", "impression")
    return [read_id(one, "impression") for one in given] or None


def _properties(form: Mapping[str, Any]) -> str | None:
    """The properties as JSON text, with the animal where there is room for it."""
    given = {} if form.get("properties") is None else read_object(form["properties"], "properties")
    text = _json(given)
    if len(text) > _MAX_PROPERTIES:
        raise Refused(
            f"properties may have {_MAX_PROPERTIES} characters as JSON, not {len(text)}",
            "properties",
        )
    animal = read_optional_id(form, "animal_id")
    if animal is not None:
        more = _json({"animal_id": animal, **given})
        text = more if len(more) <= _MAX_PROPERTIES else text
    return text if text != "{}" else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _short(place: str) -> str:
    return place if len(place) <= MAX_ID_LENGTH else hashlib.sha256(place.encode()).hexdigest()
