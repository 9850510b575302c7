"""librdkafka's mock cluster in a process of its own, and a fresh topic of it for a test."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from secrets import token_hex

import pytest

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize_streams.kafka import KafkaProducer, KafkaStream
from pawsonalize_streams.stream import Stream, StreamAddress
from pawsonalize_streams.stream_shards import ShardTable
from tests.plugins.streams.brokers import mock_kafka
from tests.plugins.streams.brokers.broker import LEASE, moment


class MockKafka:
    """The process of the mock cluster."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", mock_kafka.__name__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.hosts = self._answer()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def signal(self, sign: signal.Signals) -> None:
        os.kill(self._process.pid, sign)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def kafka_cluster() -> Iterator[MockKafka]:
    """Three brokers that live in memory."""
    if mock_kafka.library() is None:
        pytest.skip("no librdkafka here whose mock cluster can be started")
    cluster = MockKafka()
    try:
        yield cluster
    finally:
        cluster.close()


class KafkaBroker:
    """A topic of four partitions. Its network cannot be cut, as clients go where brokers say."""

    reshard: Callable[[], None] | None = None

    def __init__(self, cluster: MockKafka) -> None:
        self.cluster = cluster
        topic = f"events-{token_hex(4)}"
        cluster.tell(f"topic {topic} 4")
        self.topic = topic
        self.restart: Callable[[], None] | None = self._restart
        self.url = f"kafka://{cluster.hosts}/{topic}?group={topic}"
        self._producer = KafkaProducer(StreamAddress.parse(self.url))
        self._consumers: list[KafkaStream] = []

    def put(self, records: Sequence[Outgoing]) -> None:
        self._producer.put(records)

    def consumer(self, name: str, database: Database, options: str = "") -> Stream:
        table = ShardTable(database, self.topic)
        address = StreamAddress.parse(self.url + options)
        stream = KafkaStream(address, table, name, moment, patience=LEASE)
        self._consumers.append(stream)
        return stream

    def _restart(self) -> None:
        self.cluster.tell("down")
        self.cluster.tell("up")

    def cut(self) -> None:
        self.cluster.signal(signal.SIGSTOP)

    def mend(self) -> None:
        self.cluster.signal(signal.SIGCONT)

    def close(self) -> None:
        self.mend()
        for consumer in self._consumers:
            consumer.close()
        self._producer.close()
