"""Events read for pages and reports: the newest, those of a time, single ones by their ids."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from pawsonalize.core.database.table_access import GroupTables
from pawsonalize.core.database.tables import events
from pawsonalize.core.event import (
    DEFAULT_DATASET_GROUP,
    IMPORTED,
    IMPORTED_LENGTH,
    PICKS,
    Event,
    LoggedEvent,
)

_ENCODE_ITEMS = msgspec.json.Encoder().encode
_DECODE_ITEMS = msgspec.json.Decoder(tuple[str, ...]).decode
_COPIED = [one.key for one in events.columns if one.key not in {"offset", "impression"}]
NO_ANSWER_TO_A_BOARD: ColumnElement[bool] = or_(
    and_(*(events.c.event_type != one for one in PICKS)),
    events.c.dataset_group != DEFAULT_DATASET_GROUP,
)
"""Events that count for others than their visitor."""
IS_IMPORTED = and_(
    events.c.event_id.startswith(IMPORTED, autoescape=True),
    func.length(events.c.event_id) == IMPORTED_LENGTH,
    events.c.session_id.is_(None),
)
"""`Event.is_imported` of a row."""
_WINDOW = 200_000  # offsets: what is looked through at most, whoever else fills the log


def as_row(event: Event) -> dict[str, Any]:
    """The event's columns, but for the offset."""
    # The table gives that one.
    shown = _ENCODE_ITEMS(event.impression).decode() if event.impression else None
    return {name: getattr(event, name) for name in _COPIED} | {"impression": shown}


def read_event_row(row: Row[Any]) -> LoggedEvent:
    """The event of a row, with its offset."""
    columns = dict(row._mapping)
    offset = columns.pop("offset")
    shown = columns.pop("impression")
    return LoggedEvent(offset, Event(**columns, impression=_DECODE_ITEMS(shown) if shown else ()))


def reporting_lists(batch: Iterable[Event]) -> Iterator[Event]:
    """The events that report a list of shown items."""
    # One with a recommendation id reports an answer, which was counted when it was given.
    return (one for one in batch if one.impression and one.recommendation_id is None)


class TailQuery(msgspec.Struct, frozen=True):
    """Conditions on the newest events; None means any."""

    limit: int
    after: int = 0  # only those beyond this offset
    before: int | None = None  # only those in front of this offset
    event_type: str | None = None  # of this type, as it was sent
    animal_id: str | None = None  # about this animal
    window: int = _WINDOW  # how many offsets are looked through at most


class GroupEvents(GroupTables):
    """Events of one dataset group."""

    def _events(self, *where: ColumnElement[bool], limit: int | None = None) -> list[LoggedEvent]:
        """Return those that fulfil the conditions, in the order of offsets."""
        wanted = select(events).where(self._mine(events), *where).order_by(events.c.offset)
        # All rows at once are read far quicker than one by one.
        return [read_event_row(row) for row in self._rows(wanted.limit(limit))]

    def newest(self, query: TailQuery) -> list[LoggedEvent]:
        """Events among the last of the log, newest first: 200,000 at most."""
        end = query.before
        if end is None:
            end = (self._scalar(select(func.max(events.c.offset))) or 0) + 1
        begin = max(query.after, end - query.window)
        wanted = select(events).where(
            self._mine(events), events.c.offset < end, events.c.offset > begin
        )
        if query.event_type is not None:
            wanted = wanted.where(events.c.event_type == query.event_type)
        if query.animal_id is not None:
            wanted = wanted.where(events.c.animal_id == query.animal_id)
        newest_first = wanted.order_by(events.c.offset.desc()).limit(query.limit)
        return [read_event_row(row) for row in self._rows(newest_first)]

    def find(self, event_id: str) -> LoggedEvent | None:
        """The stored event of that id, or None."""
        return next(iter(self._events(events.c.event_id == event_id)), None)
