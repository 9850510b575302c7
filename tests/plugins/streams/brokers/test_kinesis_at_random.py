"""Consumers of Kinesis that come, go, die and stand still, while it fails and its shards change."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StreamUnavailable
from pawsonalize_streams.stream import Stream
from tests.plugins.streams.brokers.broker import LEASE
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.kinesis_server import Answer
from tests.plugins.streams.brokers.storing import Storing, Writer

FAILURES = (
    *(Answer.error("ProvisionedThroughputExceededException"), Answer.error("Failure", 500)),
    *(Answer(), Answer(is_lost=True), Answer.error("ExpiredIteratorException")),
)


@dataclass
class World:
    """A stream, who reads it, and what they stored."""

    broker: KinesisBroker
    database: Database
    chance: random.Random
    writer: Writer = field(default_factory=Writer)
    storing: Storing = field(default_factory=Storing)
    errors: list[BaseException] = field(default_factory=list)
    started: int = 0
    readers: list["Reader"] = field(default_factory=list)

    def fail_sometimes(self, call: str, _body: dict[str, Any]) -> Answer | None:
        if self.chance.random() > 0.15:
            return None
        failure = self.chance.choice(FAILURES)
        if call != "GetRecords" and failure.body and "Iterator" in str(failure.body["__type"]):
            return None
        return failure

    def start(self) -> None:
        self.started += 1
        stream = self.broker.consumer(str(self.started), self.database)
        self.readers.append(Reader(self, stream, random.Random(self.started)))

    def stop(self, *, dies: bool) -> None:
        reader = self.readers.pop(self.chance.randrange(len(self.readers)))
        reader.end(dies=dies)

    def reshard(self) -> None:
        shards = self.broker.open_shards()
        at = self.chance.randrange(len(shards))
        if len(shards) < 4 or (at == 0 and len(shards) < 8):
            self.broker.split(shards[at])
        elif at:
            self.broker.merge(shards[at - 1], shards[at])

    def write(self) -> None:
        self.broker.put(self.writer.next(self.chance.randint(1, 60), keys=12))


class Reader:
    """A consumer in a thread, as it would be in a process."""

    def __init__(self, world: World, stream: Stream, chance: random.Random) -> None:
        self._world, self._stream, self._chance = world, stream, chance
        self._stop, self._dies = threading.Event(), False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self, *, dies: bool = False) -> None:
        self._dies = dies
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
            if not self._dies:
                self._stream.close()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self._world.errors.append(error)

    def _step(self) -> None:
        try:
            records = self._stream.read(self._chance.choice((1, 10, 100)), 0.2)
        except StreamUnavailable:
            return
        if self._chance.random() < 0.02:
            time.sleep(LEASE * 1.3)  # too slow: another one goes on with its shards meanwhile
        self._world.storing.store(records)
        if self._dies and self._chance.random() < 0.5:
            return  # between storing and noting it
        self._stream.acknowledge(records)


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")
    broker = KinesisBroker()
    world = World(broker, database, random.Random(request.param))
    broker.proxy.fault = world.fail_sometimes
    yield world
    for reader in world.readers:
        reader.end()
    broker.close()
    database.close()


def run(world: World, turns: int) -> None:
    world.start()
    for _ in range(turns):
        world.write()
        act = world.chance.random()
        if act < 0.3 and len(world.readers) < 5:
            world.start()
        elif act < 0.5 and len(world.readers) > 1:
            world.stop(dies=world.chance.random() < 0.5)
        elif act < 0.7:
            world.reshard()
        time.sleep(world.chance.uniform(0, 0.3))
    end = time.monotonic() + 120
    while not world.storing.has(world.writer.written):
        assert not world.errors
        assert time.monotonic() < end, "not all of it comes"
        time.sleep(0.05)
    world.storing.check(world.writer.written)
    assert not world.errors


@pytest.mark.parametrize("world", [1], indirect=True)
def test_whatever_happens_each_record_is_stored_once_in_its_keys_order(world: World) -> None:
    run(world, 15)


@pytest.mark.nightly
@pytest.mark.parametrize("world", range(2, 22), indirect=True)
def test_whatever_happens_for_long_each_record_is_stored_once_in_order(world: World) -> None:
    run(world, 100)
