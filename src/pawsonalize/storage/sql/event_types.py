"""Types of events in statements: as they are sent, and without case and separators."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, func

from pawsonalize.domain.event_types import SEPARATORS, EventTypes
from pawsonalize.storage.sql.tables import events


def means(event_types: EventTypes, meanings: Collection[str]) -> ColumnElement[bool]:
    """Whether an event's type means one of these.

    It is worked out from the type as it was sent, so that a change of the setting counts for
    events of before.
    """
    spelled: Any = func.lower(events.c.event_type)
    for separator in SEPARATORS:
        spelled = func.replace(spelled, separator, "")
    found: ColumnElement[bool] = spelled.in_(sorted(event_types.spellings(meanings)))
    return found
