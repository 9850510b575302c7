"""Events to rows and back, and the lists of shown items that events report."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Row

from pawsonalize.domain.events import Event, LoggedEvent

_ENCODE_ITEMS = msgspec.json.Encoder().encode
_DECODE_ITEMS = msgspec.json.Decoder(tuple[str, ...]).decode


def as_row(event: Event) -> dict[str, Any]:
    """The event's columns. The offset is missing: the table gives it."""
    return {
        "event_id": event.event_id,
        "user_id": event.user_id,
        "session_id": event.session_id,
        "event_type": event.event_type,
        "item_id": event.item_id,
        "sent_at": event.sent_at,
        "received_at": event.received_at,
        "animal_id": event.animal_id,
        "event_value": event.event_value,
        "recommendation_id": event.recommendation_id,
        "impression": _ENCODE_ITEMS(event.impression).decode() if event.impression else None,
        "properties": event.properties,
        "dataset_group": event.dataset_group,
    }


def read_event_row(row: Row[Any]) -> LoggedEvent:
    """The event of a row, with its offset."""
    columns = dict(row._mapping)
    offset = columns.pop("offset")
    shown = columns.pop("impression")
    return LoggedEvent(offset, Event(**columns, impression=_DECODE_ITEMS(shown) if shown else ()))


def reported_lists(batch: Iterable[Event]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The lists that events report: dataset group, moment, ids.

    An event with a recommendation id reports one of our own answers. Answers are counted when
    they are given, so its list is left out here.
    """
    for event in batch:
        if event.impression and event.recommendation_id is None:
            yield event.dataset_group, min(event.sent_at, event.received_at), event.impression


def reported_animals(batch: Iterable[Event]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The same lists, to count individual animals: the moment of counting, ids."""
    for event in batch:
        if event.impression and event.recommendation_id is None:
            yield event.received_at, event.impression
