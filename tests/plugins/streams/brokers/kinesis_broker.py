"""A fresh stream of kinesis-local for a test."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext, suppress
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize_streams.kinesis import KinesisStream
from pawsonalize_streams.kinesis_client import KinesisProducer
from pawsonalize_streams.stream import StreamAddress
from pawsonalize_streams.stream_shards import ShardLeases, ShardTable
from tests.plugins.streams.brokers.broker import LEASE, PAUSE, moment
from tests.plugins.streams.brokers.kinesis_server import kinesis_server, logged_in


class KinesisBroker:
    """A stream of four shards, unless told otherwise, behind a way that can be cut."""

    def __init__(self, shards: int = 4) -> None:
        self._server = kinesis_server()
        self.proxy = self._server.proxy
        self.proxy.reset()
        self.name = f"events-{token_hex(4)}"
        self.url = self._at(self.proxy.url)
        self.admin = self._server.client()
        self.create_stream(shards)
        self._open = ExitStack()
        self._producer = self.producer(self._at(self._server.url))
        self.reshard: Callable[[], None] | None = self._reshard
        self.restart: Callable[[], None] | None = self._server.restart

    def put(self, records: Sequence[Outgoing]) -> None:
        self._producer.put(records)

    def producer(self, url: str = "", **words: Any) -> KinesisProducer:
        """One behind the proxy, unless told otherwise; closed with the broker."""
        with logged_in():
            producer = KinesisProducer(StreamAddress.parse(url or self.url), **words)
        self._open.callback(producer.close)
        return producer

    def consumer(
        self, name: str, database: Database, start: str = "", login: bool = True
    ) -> KinesisStream:
        table = ShardTable(database, self.name)
        leases = ShardLeases(table, name, moment, lease=LEASE, pause=PAUSE)
        url = f"{self.url}&from={quote(start)}" if start else self.url
        with logged_in() if login else nullcontext():
            stream = KinesisStream(StreamAddress.parse(url), leases, moment)
        self._open.callback(stream.close)
        return stream

    def cut(self) -> None:
        self.proxy.cut()

    def mend(self) -> None:
        self.proxy.mend()

    def close(self) -> None:
        self.proxy.reset()
        self._open.close()
        with suppress(self.admin.exceptions.ResourceNotFoundException):
            self.admin.delete_stream(StreamName=self.name)
        self.admin.close()

    def create_stream(self, shards: int = 4) -> None:
        """Make it, and wait until it is ready."""
        self.admin.create_stream(StreamName=self.name, ShardCount=shards)
        self.wait()

    def delete_stream(self) -> None:
        """Delete it, and wait until it is gone."""
        self.admin.delete_stream(StreamName=self.name)
        with suppress(self.admin.exceptions.ResourceNotFoundException):
            while True:
                self.admin.describe_stream_summary(StreamName=self.name)

    def open_shards(self) -> list[dict[str, Any]]:
        """As the API tells them, by what they hold."""
        found = [
            shard
            for shard in self.admin.list_shards(StreamName=self.name)["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]
        return sorted(found, key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))

    def split(self, shard: dict[str, Any]) -> None:
        ends = [int(one) for one in shard["HashKeyRange"].values()]
        self.admin.split_shard(
            StreamName=self.name,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str(sum(ends) // 2),
        )
        self.wait()

    def merge(self, left: dict[str, Any], right: dict[str, Any]) -> None:
        self.admin.merge_shards(
            StreamName=self.name,
            ShardToMerge=left["ShardId"],
            AdjacentShardToMerge=right["ShardId"],
        )
        self.wait()

    def wait(self) -> None:
        """Until the stream is ready."""
        words = {"StreamName": self.name}
        while True:
            told = self.admin.describe_stream_summary(**words)["StreamDescriptionSummary"]
            if told["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.01)

    def _reshard(self) -> None:
        """Split one shard, and merge two others."""
        first, _, third, fourth = self.open_shards()
        self.split(first)
        self.merge(third, fourth)

    def _at(self, endpoint: str) -> str:
        return f"kinesis://{self.name}?region=eu-west-1&endpoint={quote(endpoint)}"
