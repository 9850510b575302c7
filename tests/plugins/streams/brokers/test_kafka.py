"""What is Kafka's own; see test_conformance.py for what every adapter promises."""

import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from structlog.testing import capture_logs

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, StreamUnavailable
from pawsonalize.core.times import iso
from pawsonalize_streams.kafka import KafkaProducer, KafkaStream
from pawsonalize_streams.stream import Record, StreamAddress
from pawsonalize_streams.stream_shards import ShardTable
from tests.plugins.streams.brokers.broker import moment
from tests.plugins.streams.brokers.kafka_broker import KafkaBroker, MockKafka
from tests.plugins.streams.brokers.storing import acknowledge, read, read_all, settle, until


@pytest.fixture
def topic(kafka: MockKafka) -> Iterator[KafkaBroker]:
    broker = KafkaBroker(kafka)
    yield broker
    broker.close()


def test_latest_stays_the_moment_in_which_a_partition_was_first_read(
    topic: KafkaBroker, database: Database
) -> None:
    topic.put([Outgoing(f"user-{n}", b"early") for n in range(10)])
    first = topic.consumer("one", database, "&from=latest")
    settle(first)
    first.close()
    topic.put([Outgoing(f"user-{n}", b"late") for n in range(10)])
    second = topic.consumer("two", database, "&from=latest")
    assert read_all(second, 10) == [b"late"] * 10


def test_a_partition_that_is_new_to_the_group_is_read_from_its_beginning(
    topic: KafkaBroker, database: Database
) -> None:
    topic.put([Outgoing(f"user-{n}", b"there") for n in range(20)])
    group = Consumer({"bootstrap.servers": topic.cluster.hosts, "group.id": topic.topic})
    group.commit(offsets=[TopicPartition(topic.topic, 0, 0)], asynchronous=False)
    group.close()
    assert read_all(topic.consumer("one", database, "&from=latest"), 20) == [b"there"] * 20


def test_a_moment_is_where_to_begin(topic: KafkaBroker, database: Database) -> None:
    topic.put([Outgoing("user", b"early")])
    stream = topic.consumer("one", database, f"&from={iso(moment() + 60_000)}")
    settle(stream)
    topic.put([Outgoing("user", b"late")])
    assert read_all(stream, 1) == [b"late"]


def test_what_the_topic_no_longer_has_is_logged_and_the_rest_is_read(
    topic: KafkaBroker, database: Database
) -> None:
    topic.put([Outgoing("user", b"%d" % n) for n in range(10)])
    first = topic.consumer("one", database)
    records: list[Record] = []
    until(lambda: bool(records), lambda: records.extend(read(first, 1)))
    acknowledge(first, records[:1])
    first.close()
    topic.cluster.tell(f"forget {topic.topic} {records[0].shard} 6")
    with capture_logs() as logs:
        assert read_all(topic.consumer("two", database), 4) == [b"6", b"7", b"8", b"9"]
    (lost,) = [one for one in logs if one["event"] == "stream_lost_messages"]
    assert (lost["read"], lost["oldest"]) == (0, 6)


def test_who_reads_a_partition_and_how_far_is_in_the_tables(
    topic: KafkaBroker, database: Database
) -> None:
    topic.put([Outgoing(f"user-{n}", b"") for n in range(20)])
    stream = topic.consumer("one", database)
    read_all(stream, 20)
    table = ShardTable(database, topic.topic)
    until(
        lambda: [(one.holder, one.lag_messages) for one in table.all()] == [("one", 0)] * 4,
        lambda: read(stream),
    )


def test_brokers_that_are_all_away_are_told_and_waited_for(
    topic: KafkaBroker, database: Database
) -> None:
    stream = topic.consumer("one", database)
    settle(stream)
    topic.cluster.tell("down")
    try:
        with pytest.raises(StreamUnavailable, match=r"kafka://127\.0\.0\.1"):
            until(lambda: False, lambda: stream.read(10, 0.2))
    finally:
        topic.cluster.tell("up")
    topic.put([Outgoing("user", b"back")])
    assert read_all(stream, 1) == [b"back"]


def test_a_topic_that_is_not_there_is_said(kafka: MockKafka, database: Database) -> None:
    address = StreamAddress.parse(f"kafka://{kafka.hosts}/not-there")
    stream = KafkaStream(address, ShardTable(database, "not-there"), "one", moment)
    with pytest.raises(InvalidInput, match="there is no topic kafka://"):
        until(lambda: False, lambda: stream.read(10, 0.2))
    stream.close()


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(InvalidInput, match=r"pip install 'pawsonalize\[kafka\]'"):
        KafkaProducer(StreamAddress.parse("kafka://127.0.0.1:9092/events"))
