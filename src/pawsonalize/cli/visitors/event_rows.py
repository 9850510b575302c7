"""An event as one line for people."""

from typing import TYPE_CHECKING

from pawsonalize.domain.times import iso

if TYPE_CHECKING:
    from pawsonalize.domain.events import Event

COLUMNS = ("sent", "type", "user", "session", "animal", "group", "value", "led to by")


def event_row(event: "Event") -> tuple[str, ...]:
    """Return the cells of an event's row, `-` where the event has no value."""
    value = "-" if event.event_value is None else f"{event.event_value:g}"
    ids = (event.user_id, event.session_id, event.animal_id, event.item_id)
    shown = (one or "-" for one in ids)
    return iso(event.sent_at), event.event_type, *shown, value, event.recommendation_id or "-"
