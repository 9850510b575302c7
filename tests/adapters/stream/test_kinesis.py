"""Amazon Kinesis, as kinesis-local plays it: what no other broker has, and what goes wrong."""

import base64
import contextlib
import itertools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pawsonalize.domain.errors import InvalidInput, StreamUnavailable
from pawsonalize.storage.database import Database
from pawsonalize.storage.stream_shards import Shard, ShardTable
from pawsonalize.stream.base import Outgoing, Record, Stream
from tests.adapters.stream.kinesis_broker import KinesisBroker
from tests.adapters.stream.kinesis_server import Answer, Fault

FIRST = "shardId-000000000000"


@pytest.fixture
def broker() -> Iterator[KinesisBroker]:
    broker = KinesisBroker()
    yield broker
    broker.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")
    yield database
    database.close()


def numbered(count: int, start: int = 0, keys: int = 10) -> list[Outgoing]:
    """Records whose data are their key and a number that rises."""
    numbers = range(start, start + count)
    return [Outgoing(f"user-{n % keys}", f"user-{n % keys} {n}".encode()) for n in numbers]


def by_key(data: Sequence[bytes]) -> dict[str, list[int]]:
    """The numbers of each key, as they came."""
    found: dict[str, list[int]] = defaultdict(list)
    for key, number in (each.decode().split() for each in data):
        found[key].append(int(number))
    return found


def take(stream: Stream, count: int, limit: int = 100) -> list[Record]:
    """Read and acknowledge so many records."""
    records: list[Record] = []
    until(lambda: len(records) >= count, lambda: records.extend(_acknowledged(stream, limit)))
    return records


def _acknowledged(stream: Stream, limit: int) -> Sequence[Record]:
    records = stream.read(limit, 0.3)
    stream.acknowledge(records)
    return records


def until(happened: Callable[[], bool], step: Callable[[], object]) -> None:
    for _ in range(200):
        if happened():
            return
        step()
    raise AssertionError("it does not happen")


def data_of(records: Sequence[Record]) -> list[bytes]:
    return [record.data for record in records]


def row(database: Database, broker: KinesisBroker, shard: str = FIRST) -> Shard:
    return next(one for one in ShardTable(database, broker.name).all() if one.shard == shard)


def first_times(fault: Answer, call: str, times: int) -> Fault:
    """The first so many calls of a kind get the answer."""
    left = itertools.count()
    return lambda name, _body: fault if name == call and next(left) < times else None


# --- resharding ----------------------------------------------------------------------------------


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
    until(lambda: _caught_up(stream), lambda: stream.read(10, 0.3))
    broker.proxy.fault = lambda name, _body: (
        Answer.error("LimitExceededException") if name == "ListShards" else None
    )
    for shard in broker.open_shards():
        broker.split(shard)
    until(lambda: not stream._readers, lambda: stream.read(10, 0.3))
    assert not _caught_up(stream)
    broker.proxy.reset()
    until(lambda: _caught_up(stream) and len(stream.lag()) == 8, lambda: stream.read(10, 0.3))


def _caught_up(stream: Stream) -> bool:
    lags = stream.lag()
    return bool(lags) and all(one.is_none for one in lags)


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


# --- where to begin ------------------------------------------------------------------------------


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
    monkeypatch.setattr("pawsonalize.stream.kinesis_client._SHARDS_AT_ONCE", 1)
    broker.put(numbered(40))
    assert len({record.shard for record in take(broker.consumer("a", database), 40)}) == 4


# --- positions -----------------------------------------------------------------------------------


def test_what_is_handed_over_is_read_once(broker: KinesisBroker, database: Database) -> None:
    broker.put(numbered(200))
    first, second = broker.consumer("a", database), broker.consumer("b", database)
    records: list[Record] = []

    def both() -> None:
        for stream in (first, second):
            records.extend(_acknowledged(stream, 5))

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
    until(lambda: _caught_up(first) and len(first.lag()) == 8, lambda: first.read(10, 0.3))
    first.close()
    broker.delete_stream()
    broker.create_stream()
    broker.put(numbered(40, 100))
    with capture_logs() as logs:
        records = take(broker.consumer("b", database), 40)
    assert sorted(data_of(records)) == sorted(one.data for one in numbered(40, 100))
    assert {one["log_level"] for one in logs} == {"warning"}


# --- what goes wrong -----------------------------------------------------------------------------


def test_an_iterator_that_expired_is_replaced_without_a_gap(
    broker: KinesisBroker, database: Database
) -> None:
    stream = broker.consumer("a", database)
    broker.put(numbered(40))
    records = take(stream, 40)
    broker.proxy.fault = first_times(Answer.error("ExpiredIteratorException"), "GetRecords", 4)
    broker.put(numbered(40, 100))
    records += take(stream, 40)
    assert len({(one.shard, one.sequence) for one in records}) == len(records) == 80


@pytest.mark.parametrize(
    "answer",
    [
        Answer.error("ProvisionedThroughputExceededException"),
        Answer.error("LimitExceededException"),
        Answer.error("KMSThrottlingException"),
        Answer.error("InternalFailure", 500),
        Answer.error("ServiceUnavailable", 503),
        Answer(),
    ],
    ids=str,
)
def test_a_shard_that_is_throttled_or_fails_stops_no_other_one_and_goes_on(
    broker: KinesisBroker, database: Database, answer: Answer
) -> None:
    broker.put(numbered(60, keys=30))
    shards = {one["ShardId"] for one in broker.open_shards()}
    broker.proxy.fault = lambda name, body: (
        answer if name == "GetShardIterator" and body["ShardId"] == FIRST else None
    )
    stream = broker.consumer("a", database)
    records: list[Record] = []
    until(
        lambda: (
            {one.shard for one in records} == shards - {FIRST}
            and broker.proxy.calls.count(("GetShardIterator", _open(broker))) >= 2
        ),
        lambda: records.extend(_acknowledged(stream, 100)),
    )
    assert any(not one.is_none for one in stream.lag() if one.shard == FIRST)
    broker.proxy.reset()
    records += take(stream, 60 - len(records))
    assert len({(one.shard, one.sequence) for one in records}) == len(records) == 60


def _open(broker: KinesisBroker) -> dict[str, str]:
    return {"StreamName": broker.name, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}


@pytest.mark.parametrize(
    ("code", "error", "move"),
    [
        ("AccessDeniedException", InvalidInput, "allow what"),
        ("KMSAccessDeniedException", InvalidInput, "allow what"),
        ("ExpiredTokenException", StreamUnavailable, "renew them"),
        ("UnrecognizedClientException", StreamUnavailable, "renew them"),
    ],
)
@pytest.mark.parametrize("call", ["ListShards", "GetRecords"])
def test_what_an_operator_has_to_mend_is_raised_with_the_next_move_and_goes_on_when_it_is(
    broker: KinesisBroker,
    database: Database,
    call: str,
    code: str,
    error: type[Exception],
    move: str,
) -> None:
    broker.put(numbered(10))
    broker.proxy.fault = lambda name, _body: Answer.error(code) if name == call else None
    stream = broker.consumer("a", database)
    with pytest.raises(error, match=move) as raised:
        until(lambda: False, lambda: stream.read(10, 0.2))
    assert "said by the proxy" not in str(raised.value)  # it may have the id of a key in it
    broker.proxy.reset()
    found: list[Record] = []

    def try_again() -> None:
        with contextlib.suppress(error):  # the next call may not be due yet
            found.extend(stream.read(10, 0.2))

    until(lambda: len(found) == 10, try_again)


def test_a_stream_that_is_not_there_is_named_with_its_region(
    broker: KinesisBroker, database: Database
) -> None:
    broker.url = broker.url.replace(broker.name, "nowhere")
    with pytest.raises(InvalidInput, match="no stream kinesis://nowhere in region eu-west-1"):
        broker.consumer("a", database).read(1, 0.1)


def test_a_stream_that_is_deleted_while_it_is_read_is_named(database: Database) -> None:
    broker = KinesisBroker()
    stream = broker.consumer("a", database)
    stream.read(1, 0.3)
    broker.delete_stream()
    with pytest.raises(InvalidInput, match="no stream kinesis://"):
        until(lambda: False, lambda: stream.read(1, 0.3))
    stream.close()


def test_one_who_has_no_credentials_is_told_what_to_set(
    broker: KinesisBroker, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    stream = broker.consumer("a", database, login=False)
    with pytest.raises(InvalidInput, match="AWS_ACCESS_KEY_ID"):
        stream.read(1, 0.1)


def test_one_who_has_set_no_region_is_told_what_to_set(
    broker: KinesisBroker, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    broker.url = f"kinesis://{broker.name}"
    with pytest.raises(InvalidInput, match=r"\?region="):
        broker.consumer("a", database)


def test_where_the_extra_is_absent_the_command_that_installs_it_is_told(
    broker: KinesisBroker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InvalidInput, match=r"pip install 'pawsonalize\[aws\]'"):
        broker.consumer("a", database)


def test_a_consumer_that_hangs_on_a_dead_network_lets_its_shards_go(
    broker: KinesisBroker, database: Database
) -> None:
    stream = broker.consumer("a", database)
    stream.read(1, 0.3)
    assert row(database, broker).holder == "a"
    broker.cut()
    stream.read(1, 0.3)
    stream.close()
    assert row(database, broker).holder is None


def test_where_nobody_answers_a_read_says_so(broker: KinesisBroker, database: Database) -> None:
    stream = broker.consumer("a", database)
    stream.read(1, 0.3)
    broker.proxy.fault = lambda _name, _body: Answer()
    with pytest.raises(StreamUnavailable, match="does not answer"):
        until(lambda: False, lambda: stream.read(1, 0.2))
    assert all(one.seconds for one in stream.lag())


# --- how much, how often -------------------------------------------------------------------------


def test_what_is_read_ahead_is_bounded(broker: KinesisBroker, database: Database) -> None:
    broker.put(numbered(1500, keys=500))
    stream = broker.consumer("a", database)
    assert len(take(stream, 1500, limit=20)) == 1500
    limits = [body["Limit"] for name, body in broker.proxy.calls if name == "GetRecords"]
    assert max(limits) <= 1000


def test_a_read_gives_no_more_than_its_limit(broker: KinesisBroker, database: Database) -> None:
    broker.put(numbered(100))
    stream = broker.consumer("a", database)
    sizes: list[int] = []
    until(lambda: sum(sizes) == 100, lambda: sizes.append(len(_acknowledged(stream, 9))))
    assert max(sizes) == 9


def test_fifty_shards_are_read_side_by_side(database: Database) -> None:
    broker = KinesisBroker(shards=50)
    broker.put(numbered(500, keys=500))
    slow = broker.open_shards()[0]["ShardId"]
    broker.proxy.fault = lambda name, body: (
        Answer() if name == "GetShardIterator" and body["ShardId"] == slow else None
    )
    stream = broker.consumer("a", database)
    seen: set[str] = set()
    until(
        lambda: len(seen) >= 49,
        lambda: seen.update(one.shard for one in _acknowledged(stream, 1000)),
    )
    broker.close()


# --- packed records ------------------------------------------------------------------------------


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


# --- producing -----------------------------------------------------------------------------------


def test_a_put_is_made_in_calls_within_amazons_limits_each_with_a_key_once(
    broker: KinesisBroker, database: Database
) -> None:
    many = [Outgoing(f"user-{n % 600}", b"x") for n in range(1300)]
    large = [Outgoing(f"user-{n}", b"y" * 1_000_000) for n in range(7)]
    done = {"SequenceNumber": "1", "ShardId": FIRST}
    broker.proxy.fault = lambda _name, body: Answer(200, {"Records": [done] * len(body["Records"])})
    broker.producer().put([*many, *large])
    calls = [body["Records"] for name, body in broker.proxy.calls if name == "PutRecords"]
    keys = [[one["PartitionKey"] for one in records] for records in calls]
    assert sum(map(len, keys)) == 1307
    assert max(map(len, keys)) <= 500
    assert all(len(set(one)) == len(one) for one in keys)
    assert max(len(json.dumps(records)) for records in calls) < 5 * 1024 * 1024 * 1.4  # in base64


def test_records_that_a_call_leaves_out_are_put_again_in_each_keys_order(
    broker: KinesisBroker, database: Database
) -> None:
    calls = itertools.count()

    def some_fail(name: str, body: dict[str, list[dict[str, str]]]) -> Answer | None:
        if name != "PutRecords" or next(calls) > 12:
            return None
        fails = [n % 3 == 0 for n in range(len(body["Records"]))]
        taken = [one for one, fail in zip(body["Records"], fails, strict=True) if not fail]
        for one in taken:
            data = base64.b64decode(one["Data"])
            words = {"PartitionKey": one["PartitionKey"], "Data": data}
            broker.admin.put_record(StreamName=broker.name, **words)
        failed = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"}
        good = {"SequenceNumber": "1", "ShardId": FIRST}
        return Answer(
            200, {"FailedRecordCount": 1, "Records": [failed if f else good for f in fails]}
        )

    broker.proxy.fault = some_fail
    broker.producer().put(numbered(60))
    records = take(broker.consumer("a", database), 60)
    assert by_key(data_of(records)) == by_key([one.data for one in numbered(60)])


@pytest.mark.parametrize(
    "answer",
    [Answer.error("ProvisionedThroughputExceededException"), Answer.error("Oops", 500), Answer()],
    ids=str,
)
def test_a_put_that_fails_as_a_whole_is_made_again(
    broker: KinesisBroker, database: Database, answer: Answer
) -> None:
    broker.proxy.fault = first_times(answer, "PutRecords", 3)
    broker.producer().put(numbered(5))
    assert len(take(broker.consumer("a", database), 5)) == 5


def test_records_whose_answer_is_lost_come_twice_and_in_order(
    broker: KinesisBroker, database: Database
) -> None:
    broker.proxy.fault = first_times(Answer(is_lost=True), "PutRecords", 1)
    broker.producer().put([Outgoing("rex", b"one"), Outgoing("rex", b"two")])
    assert data_of(take(broker.consumer("a", database), 3)) == [b"one", b"one", b"two"]


def test_a_put_that_nobody_takes_is_given_up_with_how_much_was_taken(
    broker: KinesisBroker,
) -> None:
    seconds = itertools.count(0, 5)
    producer = broker.producer(steady=lambda: next(seconds), sleep=lambda _: None)
    broker.proxy.fault = lambda _name, _body: Answer.error("LimitExceededException")
    with pytest.raises(StreamUnavailable, match="0 of 5 records"):
        producer.put(numbered(5))


def test_a_record_that_is_too_large_is_refused_before_any_is_put(broker: KinesisBroker) -> None:
    with pytest.raises(InvalidInput, match="1048577 bytes"):
        broker.producer().put([*numbered(5), Outgoing("a", b"x" * 1_048_577)])
    assert broker.proxy.calls == []


@pytest.mark.parametrize("key", ["", "long" * 100])
def test_a_key_that_kinesis_does_not_take_is_put_by_its_hash(
    broker: KinesisBroker, database: Database, key: str
) -> None:
    broker.producer().put([Outgoing(key, b"one"), Outgoing(key, b"two")])
    assert data_of(take(broker.consumer("a", database), 2)) == [b"one", b"two"]


def test_a_stream_that_is_missing_is_made_on_demand_where_that_is_asked_for(
    broker: KinesisBroker, database: Database
) -> None:
    broker.delete_stream()
    broker.producer(create=True).put(numbered(40))
    told = broker.admin.describe_stream_summary(StreamName=broker.name)
    assert told["StreamDescriptionSummary"]["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert len(take(broker.consumer("a", database), 40)) == 40


def test_a_producer_for_a_stream_that_is_missing_names_it(broker: KinesisBroker) -> None:
    broker.url = broker.url.replace(broker.name, "nowhere")
    with pytest.raises(InvalidInput, match="no stream kinesis://nowhere"):
        broker.producer().put(numbered(1))
