"""What goes wrong with Amazon Kinesis, and how much and how often it is called."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, StreamUnavailable
from pawsonalize_streams.stream import Record
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.kinesis_reading import (
    FIRST,
    acknowledged,
    first_times,
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
    "answer", [Answer.error("ProvisionedThroughputExceededException"), Answer()], ids=str
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
        lambda: records.extend(acknowledged(stream, 100)),
    )
    assert any(not one.is_none for one in stream.lag() if one.shard == FIRST)
    broker.proxy.reset()
    records += take(stream, 60 - len(records))
    assert len({(one.shard, one.sequence) for one in records}) == len(records) == 60


def _open(broker: KinesisBroker) -> dict[str, str]:
    return {"StreamName": broker.name, "ShardId": FIRST, "ShardIteratorType": "TRIM_HORIZON"}


@pytest.mark.parametrize(
    ("call", "code", "error", "move"),
    [
        ("ListShards", "AccessDeniedException", InvalidInput, "allow what"),
        ("GetRecords", "ExpiredTokenException", StreamUnavailable, "renew them"),
    ],
)
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
    with pytest.raises(InvalidInput, match=r"no stream kinesis://nowhere.* in region eu-west-1"):
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
    with pytest.raises(InvalidInput, match=r"pip install 'pawsonalize\[kinesis\]'"):
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
    until(lambda: sum(sizes) == 100, lambda: sizes.append(len(acknowledged(stream, 9))))
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
        lambda: seen.update(one.shard for one in acknowledged(stream, 1000)),
    )
    broker.close()
