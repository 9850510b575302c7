"""A consumer over a stream that is a list, and real tables."""

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from structlog.testing import capture_logs

from pawsonalize.animals.tables.animals import Animals
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.event import Event
from pawsonalize.events.ingest import Ingest, RefusedInput, log_refusals
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.recommend.animals.pages import check_board
from pawsonalize.recommend.tables import BOARD, Impression, Impressions
from pawsonalize_streams.consuming import BatchCounts, Consumer, StreamSource
from pawsonalize_streams.stream import Record
from pawsonalize_streams.stream_shards import ShardLag
from tests.event_data import T0

GOOD: dict[str, Any] = {
    "userId": "ann",
    "sessionId": "s1",
    "eventType": "view",
    "animalMetadata": {
        "animal_species_id": "1",
        "animal_primary_breed_id": "Manx",
        "animal_size_id": "1",
        "animal_age_id": "1",
    },
}
SOURCE = StreamSource("visits", "kinesis://visits")


class Listed:
    """A stream of given records. What was not acknowledged is read again once it is reopened."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.read_through = self.acknowledged = 0

    def read(self, limit: int, wait: float) -> Sequence[Record]:
        found = self.records[self.read_through : self.read_through + limit]
        self.read_through += len(found)
        return found

    def acknowledge(self, records: Sequence[Record]) -> None:
        self.acknowledged = self.read_through

    def reopen(self) -> None:
        self.read_through = self.acknowledged

    def lag(self) -> Sequence[ShardLag]:
        return [ShardLag("shard-0", messages=len(self.records) - self.read_through)]

    def close(self) -> None:
        pass


def record(place: int, content: Any, arrived_at: int | None = T0 - 60_000) -> Record:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Record("shard-0", str(place), data, arrived_at)


@pytest.fixture
def letters(database: Database) -> DeadLetters:
    return DeadLetters(database)


def consumer(stream: Listed, ingest: Ingest, letters: DeadLetters) -> Consumer:
    def keep(refused: Sequence[RefusedInput]) -> None:
        letters.keep([DeadLetter(**asdict(one)) for one in refused])

    return Consumer(stream, SOURCE, ingest, keep, lambda: T0)


def test_events_get_their_ids_from_their_place_in_the_stream(
    ingest: Ingest, letters: DeadLetters, log: EventLog
) -> None:
    stream = Listed([record(7, GOOD), record(8, [GOOD, {**GOOD, "eventId": "own"}])])
    assert consumer(stream, ingest, letters).step(0) == BatchCounts(2, accepted=3)
    stored = [row.event for row in log.read(0, 9, 9)]
    assert [one.event_id for one in stored] == ["visits/shard-0/7", "visits/shard-0/8/0", "own"]
    assert {(one.sent_at, one.received_at) for one in stored} == {(T0 - 60_000, T0)}
    assert stream.acknowledged == 2


def test_what_is_read_again_after_a_crash_is_stored_once(
    ingest: Ingest, letters: DeadLetters, log: EventLog
) -> None:
    stream = Listed([record(1, GOOD), record(2, b"poison"), record(3, GOOD)])
    assert consumer(stream, ingest, letters).step(0) == BatchCounts(
        3, accepted=2, reasons=Counter(invalid_json=1)
    )
    stream.read_through = 0
    assert consumer(stream, ingest, letters).step(0) == BatchCounts(
        3, duplicates=2, reasons=Counter(invalid_json=1)
    )
    assert (log.head(), letters.waiting()) == (2, 1)


def test_poison_is_kept_with_its_bytes_its_reason_and_its_place(
    ingest: Ingest, letters: DeadLetters
) -> None:
    bad = {**GOOD, "sessionId": ""}
    stream = Listed([record(1, b"\x00\xffpoison"), record(2, [GOOD, bad, "noise"])])
    assert consumer(stream, ingest, letters).step(0) == BatchCounts(
        2, 1, 0, Counter(invalid_json=2, sessionId=1)
    )
    kept = {one.position: one for one in letters.page(10).letters}
    assert kept.keys() == {"shard-0/1", "shard-0/2/1", "shard-0/2/2"}
    assert kept["shard-0/1"].raw == b"\x00\xffpoison"
    assert kept["shard-0/2/1"].field == "sessionId"
    assert {one.source for one in kept.values()} == {"kinesis://visits"}


def test_a_pick_of_a_board_that_another_visitor_was_given_is_a_dead_letter(
    database: Database, log: EventLog, animals: Animals, letters: DeadLetters
) -> None:
    answers = Impressions(database)
    given = Impression("B1", BOARD, None, "owner", T0, T0, "m", ("1-Manx-1-1",))
    answers.append([replace(given, animal_ids=(("a",),))])
    checking = Ingest(log, animals, reads_are_local=True, check=partial(check_board, answers))
    none = {"eventType": "no-pick", "boardId": "B1"}
    stream = Listed([record(1, [{**none, "sessionId": one} for one in ("thief", "owner")])])
    taken = consumer(stream, checking, letters).step(0)
    assert taken == BatchCounts(1, accepted=1, reasons=Counter(boardId=1))
    assert [row.event.session_id for row in log.read(0, 9, 9)] == ["owner"]
    (letter,) = letters.page(1).letters
    assert (letter.code, letter.position) == ("conflict", "shard-0/1/0")
    checking.close()


class _FailsAtTwo(Ingest):
    """Fails at one event as nobody foresaw."""

    def put_here(self, events: Sequence[Event]) -> list[bool]:
        if any(one.event_id == "e2" for one in events):
            raise ZeroDivisionError
        return super().put_here(events)


def test_what_nobody_foresaw_costs_one_event_and_stops_nothing(
    log: EventLog, animals: Animals, letters: DeadLetters
) -> None:
    failing = _FailsAtTwo(log, animals, reads_are_local=True)
    stream = Listed([record(n, {**GOOD, "eventId": f"e{n}"}) for n in range(5)])
    assert consumer(stream, failing, letters).step(0) == BatchCounts(
        5, accepted=4, reasons=Counter(unforeseen=1)
    )
    assert [row.event.event_id for row in log.read(0, 9, 9)] == ["e0", "e1", "e3", "e4"]
    assert letters.page(1).letters[0].code == "unforeseen"
    failing.close()


class _Down(Ingest):
    """Stores nothing for a while."""

    is_down = True

    def put_here(self, events: Sequence[Event]) -> list[bool]:
        if self.is_down:
            raise StorageUnavailable("the disk is full")
        return super().put_here(events)


def test_an_outage_of_the_tables_loses_and_acknowledges_nothing(
    log: EventLog, animals: Animals, letters: DeadLetters
) -> None:
    down = _Down(log, animals, reads_are_local=True)
    stream = Listed([record(1, GOOD), record(2, b"poison")])
    one = consumer(stream, down, letters)
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            one.step(0)
    assert (stream.acknowledged, letters.waiting()) == (0, 0)
    down.is_down = False
    assert one.step(0) == BatchCounts(2, accepted=1, reasons=Counter(invalid_json=1))
    assert one.step(0) == BatchCounts()
    down.close()


def test_where_no_plugin_keeps_them_refused_records_are_logged_and_counted(ingest: Ingest) -> None:
    stream = Listed([record(1, b"poison of ann"), record(2, GOOD)])
    with capture_logs() as logs:
        taken = Consumer(stream, SOURCE, ingest, log_refusals, lambda: T0).step(0)
    assert taken == BatchCounts(2, accepted=1, reasons=Counter(invalid_json=1))
    assert logs == [
        {
            "event": "refused",
            "log_level": "warning",
            "source": SOURCE.shown,
            "position": "shard-0/1",
            "code": "invalid_json",
            "field": None,
        }
    ]
