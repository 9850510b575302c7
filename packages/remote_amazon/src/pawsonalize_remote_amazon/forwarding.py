"""Forward the log to Amazon Personalize, in order."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any, ClassVar, TypeVar

import msgspec
from msgspec.structs import replace

from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import (
    DEFAULT_DATASET_GROUP,
    MAX_IMPRESSION_ITEMS,
    MAX_PROPERTIES_CHARS,
    Event,
)
from pawsonalize.core.logs import get_logger
from pawsonalize.core.times import SECOND
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.resources.kind import Resource
from pawsonalize.resources.registry import Registry
from pawsonalize_remote_amazon.calls import Calls, camel
from pawsonalize_remote_amazon.groups import AmazonDataset, AmazonGroup

# Only one process forwards at a time, so the events of a session stay in order.
LEASE = "forward-events"
_ROWS = 1_000
_A_CALL = 10
_SESSIONS_AT_ONCE = 8
_TOO_LONG = f"its properties have more than {MAX_PROPERTIES_CHARS} characters"

log = get_logger()
Session = tuple[str | None, str]
"""A user, if known, and a session."""
T = TypeVar("T")


# Events are put first, then the position is noted. After a crash in between they are put again with
# the same event ids, which count once there.
class UnsentEvent(msgspec.Struct, frozen=True):
    """An event that Amazon Personalize does not take, or takes `without` its properties alone."""

    event_id: str
    reason: str
    without: bool = False


class AmazonFeeding(msgspec.Struct):
    """Puts events and items there."""

    calls: Calls
    group: AmazonGroup

    def put_events(self, events: Sequence[Event]) -> list[UnsentEvent]:
        """Put events, those of a session in order; return what was not taken as it is."""
        # An error that concerns every call is raised after the other sessions: then put all again.
        sessions: dict[Session, list[Event]] = {}
        for event in events:
            session = event.session_id or event.user_id
            assert session is not None
            sessions.setdefault((event.user_id, session), []).append(event)
        tracker = self.group.tracking_id

        def put(session: Session) -> list[UnsentEvent]:
            parts = _parts(sessions[session], _A_CALL)
            return [one for part in parts for one in self._put(tracker, session, part)]

        with ThreadPoolExecutor(_SESSIONS_AT_ONCE, thread_name_prefix="put-events") as threads:
            waiting = [threads.submit(put, session) for session in sessions]
        return [refusal for one in waiting for refusal in one.result()]

    def put_items(self, items: Iterable[Item], avro: str) -> None:
        """Put items with the attributes that the dataset there has; it is made if there is none."""
        dataset = self.group.dataset("Items", _categorical(avro))
        for part in _parts(items, _A_CALL):
            batch = [_item(one, dataset) for one in part]
            self.calls.call("personalize-events", "put_items", datasetArn=dataset.arn, items=batch)

    def _put(self, tracker: str, session: Session, part: Sequence[Event]) -> list[UnsentEvent]:
        try:
            self._send(tracker, session, [_event(one) for one in part])
        except InvalidInput as error:
            if len(part) > 1:  # one bad event must not cost the others
                return [one for each in part for one in self._put(tracker, session, [each])]
            return [self._without_properties(tracker, session, part[0], error)]
        return [UnsentEvent(one.event_id, _TOO_LONG, True) for one in part if _is_too_long(one)]

    def _without_properties(
        self, tracker: str, session: Session, event: Event, error: InvalidInput
    ) -> UnsentEvent:
        form = _event(event)
        if form.pop("properties", None) is None:
            return UnsentEvent(event.event_id, error.message)
        try:
            self._send(tracker, session, [form])
        except InvalidInput as again:
            return UnsentEvent(event.event_id, again.message)
        return UnsentEvent(event.event_id, error.message, without=True)

    def _send(self, tracker: str, session: Session, events: list[dict[str, object]]) -> None:
        user, session_id = session
        who = {"sessionId": session_id} | ({} if user is None else {"userId": user})
        self.calls.call(
            "personalize-events", "put_events", trackingId=tracker, eventList=events, **who
        )


def _is_too_long(event: Event) -> bool:
    return event.properties is not None and len(event.properties) > MAX_PROPERTIES_CHARS


def _event(event: Event) -> dict[str, object]:
    # The id of an answer is ours alone, and means nothing there.
    form: dict[str, object] = {
        "eventId": event.event_id,
        "eventType": event.event_type,
        "itemId": event.item_id,
        "sentAt": datetime.fromtimestamp(event.sent_at / SECOND, UTC),
    }
    if event.event_value is not None:
        form["eventValue"] = event.event_value
    if event.impression:
        form["impression"] = list(event.impression[:MAX_IMPRESSION_ITEMS])
    if event.properties is not None and not _is_too_long(event):
        form["properties"] = event.properties
    return form


def _item(item: Item, dataset: AmazonDataset) -> dict[str, Any]:
    has = dict(item.attributes)
    if item.created_at is not None:
        has["CREATION_TIMESTAMP"] = item.created_at // SECOND
    known = {
        camel(name.lower()): value
        for name, value in has.items()
        if value is not None and name in dataset.fields
    }
    return {"itemId": item.item_id} | ({"properties": json.dumps(known)} if known else {})


def _categorical(avro: str) -> str:
    # No model there learns from texts that are not marked as categories.
    schema = json.loads(avro)
    for field in schema["fields"]:
        if "string" in field["type"] and isinstance(field["type"], list):
            field["categorical"] = True
    return json.dumps(schema)


def _parts(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(rows)
    while part := list(islice(left, size)):
        yield part


class Forwarding(Resource, frozen=True, kw_only=True):
    """The state of forwarding, by the name of the dataset group there.

    Every event up to the offset `through` is there, but for `refused` ones. `shortened` ones went
    without their properties. `last_refusal` names the newest of both.
    """

    kind: ClassVar[str] = "forwarding"

    through: int = 0
    sent: int = 0
    refused: int = 0
    shortened: int = 0
    last_refusal: str = ""
    last_sent_at: int | None = None


class Forwarder(msgspec.Struct):
    """Forwards the events of the default dataset group."""

    event_log: EventLog
    registry: Registry
    feeding: AmazonFeeding
    name: str
    from_the_start: bool
    now: Callable[[], int]

    def state(self) -> Forwarding:
        """Return the state; forwarding begins with the first call."""
        if (found := self.registry.find(Forwarding, self.name)) is not None:
            return found
        through = 0 if self.from_the_start else self.event_log.head()
        return self.registry.ensure(Forwarding(name=self.name, through=through), self.now())

    def forward(self) -> int:
        """Put new events, part by part, under the lease; return their number."""
        put, head = 0, self.event_log.head()
        while (state := self.state()).through < head:
            rows = self.event_log.read(state.through, head, _ROWS)
            events = [row.event for row in rows if row.event.dataset_group == DEFAULT_DATASET_GROUP]
            refusals = self.feeding.put_events(events) if events else []
            # Fewer rows than asked for were all, even if erased ones lay behind them.
            through = rows[-1].offset if len(rows) == _ROWS else head
            self._note(through, len(events), refusals)
            put += len(events)
        return put

    def is_through(self, offset: int) -> bool:
        """True if everything up to the offset is there."""
        return self.state().through >= offset

    def _note(self, through: int, put: int, refusals: list[UnsentEvent]) -> None:
        for one in refusals:
            text = "event forwarded in part" if one.without else "event not forwarded"
            log.error(text, event_id=one.event_id, reason=one.reason)
        lost = [one for one in refusals if not one.without]
        newest = f"{refusals[-1].event_id}: {refusals[-1].reason}"[:500] if refusals else None
        now = self.now()

        def noted(state: Forwarding) -> Forwarding:
            return replace(
                state,
                through=max(state.through, through),
                sent=state.sent + put - len(lost),
                refused=state.refused + len(lost),
                shortened=state.shortened + len(refusals) - len(lost),
                last_refusal=state.last_refusal if newest is None else newest,
                last_sent_at=now if put else state.last_sent_at,
            )

        self.registry.change(Forwarding, self.name, noted, now)
