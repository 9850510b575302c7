"""An event on any item, of any dataset group, from plain values that were sent."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.ingest.event_form import read_impression, read_properties, read_sent_at
from pawsonalize.engine.resources.names import new_event_id


def read_interaction(
    dataset_group: str,
    received_at: int,
    *,
    user_id: object,
    session_id: object,
    event_type: object,
    item_id: object,
    sent_at: object = None,
    event_id: object = None,
    event_value: float | None = None,
    recommendation_id: object = None,
    impression: Sequence[object] | None = None,
    properties: Mapping[str, Any] | None = None,
) -> Event:
    """The event; InvalidInput names the value that is wrong.

    `received_at` is in milliseconds since 1970, `sent_at` anything that `parse_moment` reads. An
    event without an id of its own gets a new one.
    """
    if event_value is not None and not math.isfinite(event_value):
        raise InvalidInput("eventValue must be a finite number", field="eventValue")
    return Event(
        event_id=_optional(event_id, "eventId") or new_event_id(received_at),
        user_id=_optional(user_id, "userId"),
        session_id=_optional(session_id, "sessionId"),
        event_type=parse_id(event_type, "eventType"),
        item_id=parse_id(item_id, "itemId"),
        sent_at=read_sent_at(sent_at, received_at),
        received_at=received_at,
        event_value=event_value,
        recommendation_id=_optional(recommendation_id, "recommendationId"),
        impression=read_impression(impression),
        properties=read_properties(properties),
        dataset_group=dataset_group,
    )


def _optional(value: object, field: str) -> str | None:
    return None if value is None else parse_id(value, field)
