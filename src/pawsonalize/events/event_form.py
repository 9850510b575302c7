"""The forms in which sites send events, and how they become events."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from pawsonalize.core import event as events
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import (
    Form,
    UnknownFields,
    check_fields,
    decode,
    encode_text,
    readers_of,
)
from pawsonalize.core.forms.entries import Id, Moment
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import check_length, parse_id
from pawsonalize.core.times import DAY, parse_moment
from pawsonalize.events.payloads import IN_THE_QUERY, Payload, short_id, single
from pawsonalize.resources.resource import new_event_id

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


def _properties(properties: Mapping[str, Any] | None, field: str) -> str | None:
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
        "recommendation_id": _answer_of(form),
    }
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


def _answer_of(form: EventForm) -> Id | None:
    if form.board_id is None or form.recommendation_id in {None, form.board_id}:
        return form.recommendation_id if form.board_id is None else form.board_id
    raise InvalidInput(
        f"boardId is {form.board_id} and recommendationId is {form.recommendation_id}: a board's"
        " id is both, send it once",
        field="boardId",
    )


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
    if (known := group_of(animal_id, at)) is None:
        raise InvalidInput(
            f"there is no animal {animal_id}: put it into the inventory, or send its"
            " animalMetadata too",
            field="animal_id",
        )
    return known.id


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
    given: Mapping[str, Any],
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
        event_id=_optional_id(given.get("event_id"), "eventId") or new_event_id(received_at),
        event_type=picked or parse_id(given["event_type"], "eventType"),
        item_id=events.NOTHING if is_nothing else parse_id(given.get("item_id"), "itemId"),
        sent_at=read_sent_at(given.get("sent_at"), received_at),
        received_at=received_at,
        animal_id=events.NOTHING if is_nothing else animal_id,
        dataset_group=dataset_group,
        raw=raw,
        **{name: read(given.get(name), sent) for sent, (name, read) in _READERS.items()},
    )
