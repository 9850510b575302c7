"""Amazon Kinesis, as kinesis-local plays it: shards that change, and where reading begins."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput
from pawsonalize_streams.stream import Record
from pawsonalize_streams.stream_shards import ShardTable
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.kinesis_reading import (
    FIRST,
    acknowledged,
    by_key,
    caught_up,
    data_of,
    numbered,
    row,
    take,
    until,
)
from tests.plugins.streams.brokers.kinesis_server import Answer


@pytest.fixture
def broker() -> Iterator[KinesisBroker]:
    broker = KinesisBroker()
    yield broker
    broker.close()


def test_each_keys_order_lasts_through_a_split_and_a_merge(
    broker: KinesisBroker, database: Database
) -> None:
    stream = broker.consumer("a", database)
    broker.put(numbered(100))
    records = take(stream, 30, limit=10)
    for shard in broker.open_shards():
        broker.split(shard)
    broker.put(numbered(100, 100))
    left, right = broker.open_shards()[:2]
    broker.merge(left, right)
    broker.put(numbered(100, 200))
    records += take(stream, 300 - len(records), limit=10)
    expected = by_key(data_of([Record("", "", one.data) for one in numbered(300)]))
    assert by_key(data_of(records)) == expected


def test_a_child_waits_until_its_parents_last_record_is_stored(
    broker: KinesisBroker, database: Database
) -> None:
    stream = broker.consumer("a", database)
    broker.put([Outgoing("rex", b"parent")])
    records: list[Record] = []
    until(lambda: bool(records), lambda: records.extend(stream.read(10, 0.3)))
    parent = next(one for one in broker.open_shards() if one["ShardId"] == records[0].shard)
    broker.split(parent)
    broker.put([Outgoing("rex", b"child")])
    assert not [record for _ in range(4) for record in stream.read(10, 0.3)]
    stream.acknowledge(records)
    assert data_of(take(stream, 1)) == [b"child"]


def test_where_a_shard_ended_there_is_lag_until_its_children_are_known(
    broker: KinesisBroker, database: Database
) -> None:
    stream = broker.consumer("a", database)
    until(lambda: caught_up(stream), lambda: stream.read(10, 0.3))
    broker.proxy.fault = lambda name, _body: (
        Answer.error("LimitExceededException") if name == "ListShards" else None
    )
    for shard in broker.open_shards():
        broker.split(shard)
    until(lambda: not stream._readers, lambda: stream.read(10, 0.3))
    assert not caught_up(stream)
    broker.proxy.reset()
    until(lambda: caught_up(stream) and len(stream.lag()) == 8, lambda: stream.read(10, 0.3))


def test_children_of_a_shard_that_expired_unread_are_read(
    broker: KinesisBroker, database: Database
) -> None:
    ShardTable(database, broker.name).add({"shardId-gone": (), FIRST: ("shardId-gone",)})
    broker.put(numbered(40))
    with capture_logs() as logs:
        records = take(broker.consumer("a", database), 40)
    assert FIRST in {record.shard for record in records}
    assert [(one["shard"], one["log_level"]) for one in logs] == [("shardId-gone", "warning")]
    assert row(database, broker, "shardId-gone").is_ended


def test_latest_begins_with_what_comes_after_the_first_look(
    broker: KinesisBroker, database: Database
) -> None:
    broker.put(numbered(20))
    time.sleep(1)  # Kinesis tells its clock in whole seconds: they came in an earlier one
    broker.consumer("a", database, "latest").read(10, 0.3)
    broker.put(numbered(20, 100))
    broker.reshard()  # type: ignore[misc]
    broker.put(numbered(20, 200))
    records = take(broker.consumer("b", database, "latest"), 40)
    assert min(int(one.data.split()[1]) for one in records) == 100
    assert len(records) == 40


def test_a_moment_begins_with_what_came_then_and_later(
    broker: KinesisBroker, database: Database
) -> None:
    tables = Database("sqlite://")
    broker.put(numbered(20))
    first = broker.consumer("a", database)
    last = max(record.arrived_at or 0 for record in take(first, 20))
    first.close()
    time.sleep(0.003)
    start = datetime.fromtimestamp((last + 1) / 1000, UTC).isoformat()
    broker.put(numbered(20, 100))
    second = broker.consumer("b", tables, start)
    assert sorted(data_of(take(second, 20))) == sorted(one.data for one in numbered(20, 100))
    second.close()
    tables.close()


def test_a_start_counts_only_where_nobody_has_read_yet(
    broker: KinesisBroker, database: Database
) -> None:
    broker.put(numbered(20))
    first = broker.consumer("a", database)
    first.read(1, 0.3)
    first.close()
    assert len(take(broker.consumer("b", database, "latest"), 20)) == 20


@pytest.mark.parametrize("start", ["yesterday", "2200-01-01T00:00:00Z"])
def test_a_start_that_is_no_moment_of_the_past_is_refused(
    broker: KinesisBroker, database: Database, start: str
) -> None:
    with pytest.raises(InvalidInput, match="from in kinesis://"):
        broker.consumer("a", database, start)


def test_a_stream_of_many_pages_of_shards_is_read_whole(
    broker: KinesisBroker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pawsonalize_streams.kinesis_client._SHARDS_AT_ONCE", 1)
    broker.put(numbered(40))
    assert len({record.shard for record in take(broker.consumer("a", database), 40)}) == 4


def test_what_is_handed_over_is_read_once(broker: KinesisBroker, database: Database) -> None:
    broker.put(numbered(200))
    first, second = broker.consumer("a", database), broker.consumer("b", database)
    records: list[Record] = []

    def both() -> None:
        for stream in (first, second):
            records.extend(acknowledged(stream, 5))

    until(lambda: len(records) >= 200, both)
    assert len({(one.shard, one.sequence) for one in records}) == len(records) == 200
    assert len(second.lag()) == 2


def test_a_position_that_the_stream_does_not_know_begins_at_the_horizon_and_is_told(
    broker: KinesisBroker, database: Database
) -> None:
    broker.put(numbered(40))
    ShardTable(database, broker.name).add({FIRST: ()}, "49590338271490256608559692538361571")
    with capture_logs() as logs:
        records = take(broker.consumer("a", database), 40)
    assert len(records) == 40
    assert [(one["shard"], one["log_level"]) for one in logs] == [(FIRST, "warning")]


def test_records_that_the_retention_took_before_they_were_read_are_told(
    broker: KinesisBroker, database: Database
) -> None:
    ShardTable(database, broker.name).add({FIRST: ()}, "49590338271490256608559692538361571")
    broker.put(numbered(40))

    def from_the_horizon(call: str, body: dict[str, object]) -> None:
        if body.pop("StartingSequenceNumber", None):  # Amazon begins where there still is something
            body["ShardIteratorType"] = "TRIM_HORIZON"

    broker.proxy.fault = from_the_horizon
    with capture_logs() as logs:
        take(broker.consumer("a", database), 40)
    told = [one["event"] for one in logs]
    assert told == ["records of a stream may be lost: its retention was over"]


def test_a_stream_that_was_deleted_and_made_anew_is_read_whole(
    broker: KinesisBroker, database: Database
) -> None:
    broker.put(numbered(40))
    first = broker.consumer("a", database)
    take(first, 40)
    for shard in broker.open_shards():
        broker.split(shard)
    until(lambda: caught_up(first) and len(first.lag()) == 8, lambda: first.read(10, 0.3))
    first.close()
    broker.delete_stream()
    broker.create_stream()
    broker.put(numbered(40, 100))
    with capture_logs() as logs:
        records = take(broker.consumer("b", database), 40)
    assert sorted(data_of(records)) == sorted(one.data for one in numbered(40, 100))
    assert {one["log_level"] for one in logs} == {"warning"}


def packed(*data: bytes) -> bytes:
    """What the Kinesis Producer Library would put, as a library of Amazon's packs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path])  # which importing it changes
        from aws_kinesis_agg.aggregator import RecordAggregator

        packer = RecordAggregator()
        for number, each in enumerate(data):
            packer.add_user_record(f"user-{number}", each)
        whole: bytes = packer.clear_and_get().get_contents()[2]
        return whole


def test_packed_records_come_one_by_one_with_places_of_their_own(
    broker: KinesisBroker, database: Database
) -> None:
    broker.put([Outgoing("a", packed(b"one", b"two", b"three")), Outgoing("a", b"four")])
    records = take(broker.consumer("a", database), 4)
    assert data_of(records) == [b"one", b"two", b"three", b"four"]
    outer = records[0].sequence.partition("/")[0]
    assert [one.sequence for one in records[:3]] == [f"{outer}/{n}" for n in range(3)]


def test_a_packed_record_of_which_some_is_not_stored_comes_again_as_a_whole(
    broker: KinesisBroker, database: Database
) -> None:
    broker.put([Outgoing("a", b"zero"), Outgoing("a", packed(b"one", b"two", b"three"))])
    stream = broker.consumer("a", database)
    take(stream, 3, limit=1)
    stream.close()
    assert data_of(take(broker.consumer("b", database), 3)) == [b"one", b"two", b"three"]


def test_a_packed_record_that_is_broken_comes_as_it_is(
    broker: KinesisBroker, database: Database
) -> None:
    broken = packed(b"one", b"two")[:-1] + b"?"
    broker.put([Outgoing("a", broken), Outgoing("a", b"three")])
    assert data_of(take(broker.consumer("a", database), 2)) == [broken, b"three"]
