"""The way of an event into the log."""

import asyncio
import json
import threading
from typing import Any

import pytest
import structlog

from pawsonalize.animals.animal import Animal
from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import MAX_RAW_CHARS, Visitor
from pawsonalize.core.forms.decoder import Rejected
from pawsonalize.events.event_form import unpack
from pawsonalize.events.ingest import Ingest, IngestReceipt, RawTooLong
from pawsonalize.events.tables.event_log import EventLog
from tests import event_loop
from tests.animal_data import animal
from tests.event_data import T0, event, is_logged

GOOD: dict[str, Any] = {
    "sessionId": "s1",
    "userId": "ann",
    "eventType": "view",
    "animalMetadata": {
        "animal_species_id": 2,
        "animal_primary_breed_id": "Beagle",
        "animal_size_id": 2,
        "animal_age_id": 3,
    },
}


def accept(ingest: Ingest, *forms: Any, now: int = T0) -> IngestReceipt:
    return event_loop.run(ingest.accept(unpack(json.dumps(forms).encode()), now))


def test_one_bad_event_never_costs_a_good_one(ingest: Ingest, log: EventLog) -> None:
    receipt = accept(ingest, GOOD, {**GOOD, "sessionId": ""}, "noise", {**GOOD, "eventId": "e"})
    assert (receipt.accepted, receipt.duplicates) == (2, 0)
    assert [(each.index, each.field) for each in receipt.rejected] == [(1, "sessionId"), (2, None)]
    assert log.head() == 2


def test_an_event_id_counts_once_in_a_call_and_forever(ingest: Ingest, log: EventLog) -> None:
    form = {**GOOD, "eventId": "e1"}
    assert accept(ingest, form, form) == IngestReceipt(1, 1, ())
    assert accept(ingest, {**form, "userId": "eve"}) == IngestReceipt(0, 1, ())
    assert log.head() == 1


def test_nothing_but_bad_events_is_a_receipt_too(ingest: Ingest) -> None:
    receipt = accept(ingest, {})
    assert receipt.rejected == (
        Rejected(0, "invalid_input", "sessionId is missing: send it", "sessionId"),
    )


def test_a_call_has_1_event_at_least_and_may_have_1000(ingest: Ingest, log: EventLog) -> None:
    with pytest.raises(InvalidInput, match="send some"):
        accept(ingest)
    assert log.head() == 0
    assert accept(ingest, *[GOOD] * 1000).accepted == 1000


def test_the_group_of_a_known_animal_is_found_by_its_id(
    ingest: Ingest, animals: Animals, log: EventLog
) -> None:
    animals.put([animal("a7", "1-Manx-1-1")], T0)
    bare = {"sessionId": "s1", "eventType": "view"}
    receipt = accept(ingest, {**bare, "animal_id": "a7"}, {**bare, "animal_id": "nobody"})
    assert receipt.accepted == 1
    assert receipt.rejected[0].field == "animal_id"
    assert log.read(0, 9, 9)[0].event.item_id == "1-Manx-1-1"


def test_an_event_from_a_clock_that_is_ahead_is_visible_at_once(
    ingest: Ingest, log: EventLog
) -> None:
    # Visitors' clocks are ahead by seconds or by a time zone; what they did is not the future.
    accept(ingest, {**GOOD, "sentAt": T0 + 3_600_000})
    assert len(log.recent(Visitor("ann"), T0, 10)) == 1


def test_a_database_that_hangs_holds_up_nobody_else(log: EventLog, animals: Animals) -> None:
    answered = threading.Event()

    class Far(Animals):
        def get(self, animal_id: str) -> Animal | None:
            assert answered.wait(10), "the other request waited for this one"
            return None

    async def run() -> IngestReceipt:
        ingest = Ingest(log, Far(animals._database), reads_are_local=False)
        event = json.dumps({"sessionId": "s1", "eventType": "view", "animal_id": "a7"}).encode()
        hanging = asyncio.create_task(ingest.accept(unpack(event), T0))
        await asyncio.sleep(0)
        assert (await ingest.accept(unpack(json.dumps(GOOD).encode()), T0)).accepted == 1
        answered.set()
        receipt = await hanging
        ingest.close()
        return receipt

    assert event_loop.run(run()).rejected[0].field == "animal_id"


def test_events_that_are_too_long_to_keep_raw_are_stored_and_reported_once(
    log: EventLog, animals: Animals
) -> None:
    told: list[int] = []
    ingest = Ingest(log, animals, reads_are_local=True, raw_too_long=RawTooLong(told.append))
    long = {**GOOD, "eventId": "long", "utm": "x" * MAX_RAW_CHARS}
    for _ in range(2):
        accept(ingest, long, {**GOOD, "utm": "x"})
    ingest.close()
    assert told == [1]
    assert is_logged(log, "long")


def test_the_log_says_now_and_then_how_many_were_too_long() -> None:
    too_long = RawTooLong(lambda _: None)
    with structlog.testing.capture_logs() as logs:
        for number in range(25):
            too_long.note([event(f"{number}")])
    assert [one["count"] for one in logs] == [1, 10]
