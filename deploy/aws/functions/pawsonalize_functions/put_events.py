"""A batch of a Kinesis stream into the event tracker."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from pawsonalize_functions import dead_letters
from pawsonalize_functions.apart import run_apart
from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import parameter
from pawsonalize_functions.events import StreamEvent, read_record
from pawsonalize_functions.fields import Refused

_MOST = 10
_BATCH_SECONDS, _RECORD_SECONDS = 15, 5  # reading takes milliseconds; the function has 60 seconds
_MOST_REASONS = 100  # of one record
_WRONG = frozenset({"InvalidInputException", "ValidationException"})

Record = Mapping[str, Any]
Parts = list[StreamEvent | Refused]
Event = tuple[int, StreamEvent]
"""An event with the place of its record in the batch."""


@dataclass(slots=True)
class _Batch:
    records: Sequence[Record]
    refused: dict[int, list[Refused]] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    """Places of records that must come again."""
    taken: int = 0

    def refuse(self, place: int, reason: Refused) -> None:
        self.refused.setdefault(place, []).append(reason)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Put the events of a batch; the answer names the records that must come again.

    A record that can never be taken goes to the dead-letter queue, and costs no other, also if its
    reading kills the process. Where the tracker takes nothing for now, what is left is reported,
    and with it what follows in its shard, so that no event overtakes another.
    """
    batch = _Batch(event["Records"])
    _put(batch, _read(batch))
    _add_followers(batch)
    _put_away(batch)
    _count(batch)
    # Lambda sends the whole batch again where an identifier is empty.
    failed = [
        batch.records[place]["kinesis"].get("sequenceNumber", "") for place in sorted(batch.failed)
    ]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _read(batch: _Batch) -> list[Event]:
    events: list[Event] = []
    parts = run_apart(_parts_of_all, batch.records, _BATCH_SECONDS)
    if parts is None:  # one of them is at fault: which?
        parts = [_parts_apart(record) for record in batch.records]
    for place, of_record in enumerate(parts):
        for part in of_record:
            if isinstance(part, Refused):
                batch.refuse(place, part)
            else:
                events.append((place, part))
    return events


def _parts_of_all(records: Sequence[Record]) -> list[Parts]:
    return [_parts(record) for record in records]


def _parts_apart(record: Record) -> Parts:
    parts = run_apart(_parts, record, _RECORD_SECONDS)
    if parts is None:
        reason = f"reading this kills the function's process, or takes over {_RECORD_SECONDS} s"
        return [Refused(reason, code="unforeseen")]
    return parts


def _parts(record: Record) -> Parts:
    try:
        parts = read_record(record)
        refused = [part for part in parts if isinstance(part, Refused)][:_MOST_REASONS]
        return [*(part for part in parts if isinstance(part, StreamEvent)), *refused]
    except MemoryError:  # others of its batch may have taken the memory
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the stream
        reason = f"the function failed at this: {type(error).__name__}: {error}"
        return [Refused(reason, code="unforeseen")]


def _put(batch: _Batch, events: Sequence[Event]) -> None:
    """Put all events, or up to the call that fails."""
    calls = list(_calls(events))
    for number, call in enumerate(calls):
        try:
            _put_call(batch, call)
        except (ClientError, BotoCoreError) as error:
            print(f"the tracker takes nothing for now: {error}")
            batch.failed |= {place for left in calls[number:] for place, _ in left}
            return


def _calls(events: Sequence[Event]) -> Iterator[list[Event]]:
    """Those of a user's session together and in their order, ten at a time."""
    visitors: dict[tuple[str | None, str], list[Event]] = {}
    for place, event in events:
        visitors.setdefault(event.visitor, []).append((place, event))
    for own in visitors.values():
        for start in range(0, len(own), _MOST):
            yield own[start : start + _MOST]


def _put_call(batch: _Batch, call: list[Event]) -> None:
    """Put ten events; if they are refused, each alone, to find the one that it lies at."""
    try:
        _put_events(call)
        batch.taken += len(call)
    except Refused as refused:
        if len(call) == 1:
            batch.refuse(call[0][0], refused)
            return
        for one in call:
            _put_call(batch, [one])


def _put_events(call: list[Event]) -> None:
    first = call[0][1]
    user = {} if first.user_id is None else {"userId": first.user_id}
    tracking_id = parameter("EVENT_TRACKER_ID_PATH")
    try:
        client("personalize-events").put_events(
            trackingId=tracking_id,
            sessionId=first.session_id,
            eventList=[event.members for _, event in call],
            **user,
        )
    except ParamValidationError as error:
        raise Refused(str(error)) from error
    except ClientError as error:
        said = error.response["Error"]
        # A wrong tracking id is wrong for all events, and the configuration's fault.
        if said["Code"] in _WRONG and "tracking" not in said["Message"].lower():
            raise Refused(said["Message"]) from error
        raise


def _add_followers(batch: _Batch) -> None:
    """Lambda begins a shard again at its first record that failed; say the same."""
    broken: set[str] = set()
    for place, record in enumerate(batch.records):
        shard = str(record.get("eventID", "")).partition(":")[0]
        if place in batch.failed:
            broken.add(shard)
        elif shard in broken:
            batch.failed.add(place)


def _put_away(batch: _Batch) -> None:
    """Keep what is refused, unless its record comes again anyway."""
    for place, reasons in sorted(batch.refused.items()):
        if place in batch.failed:
            continue
        try:
            dead_letters.keep(batch.records[place], reasons)
        except (ClientError, BotoCoreError) as error:
            print(f"the dead-letter queue takes nothing for now: {error}")
            batch.failed.add(place)
            _add_followers(batch)


def _count(batch: _Batch) -> None:
    """Metrics, in the format that CloudWatch reads from a function's log."""
    counts = {
        "EventsTaken": batch.taken,
        "RecordsRefused": len(batch.refused.keys() - batch.failed),
        "RecordsToComeAgain": len(batch.failed),
    }
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    directive = {"Namespace": "Pawsonalize", "Dimensions": [[]], "Metrics": metrics}
    head = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": head, **counts}))
