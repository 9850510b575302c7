"""What every adapter promises, each against the real server."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize_streams.stream import Record, Stream
from tests.plugins.streams.brokers.broker import Broker
from tests.plugins.streams.brokers.storing import (
    Storing,
    Writer,
    acknowledge,
    consume,
    consume_all,
    read,
    runs,
    step,
    until,
)


def test_everything_is_stored_in_each_keys_order_and_read_no_more(
    broker: Broker, database: Database
) -> None:
    writer, storing = Writer(), Storing()
    broker.put(writer.next(300))
    stream = broker.consumer("one", database)
    consume(stream, storing, writer.written)
    broker.put(writer.next(50))
    consume(stream, storing, writer.written)
    storing.check(writer.written)
    assert len(storing.by_place) == 350
    stream.close()
    after = broker.consumer("two", database)
    broker.put(writer.next(1))
    again: list[Record] = []
    until(lambda: bool(again), lambda: again.extend(read(after)))
    assert [record.data for record in again] == [b"user-0 18"]


def test_an_empty_stream_gives_nothing_and_has_no_lag(broker: Broker, database: Database) -> None:
    stream = broker.consumer("one", database)
    until(
        lambda: bool(lags := stream.lag()) and all(one.is_none for one in lags),
        lambda: read(stream),
    )
    assert not stream.read(10, 0.2)


def test_lag_goes_to_none(broker: Broker, database: Database) -> None:
    writer, storing = Writer(), Storing()
    broker.put(writer.next(300))
    stream = broker.consumer("one", database)
    first: list[Record] = []
    until(lambda: bool(first), lambda: first.extend(read(stream, 5)))
    assert not all(one.is_none for one in stream.lag())
    storing.store(first)
    consume(stream, storing, writer.written)
    until(lambda: all(one.is_none for one in stream.lag()), lambda: step(stream, storing))


@pytest.mark.parametrize("dies", [False, True])
def test_what_was_not_acknowledged_comes_again_before_anything_later(
    broker: Broker, database: Database, dies: bool
) -> None:
    writer, storing = Writer(), Storing()
    broker.put(writer.next(200))
    first = broker.consumer("one", database)
    kept: list[Record] = []
    until(lambda: len(kept) >= 60, lambda: _step_into(kept, first))
    lost: list[Record] = []
    until(lambda: len(lost) >= 60, lambda: lost.extend(read(first)))
    if not dies:
        first.close()
    broker.put(writer.next(100))
    storing.store(kept)
    second = broker.consumer("two", database)
    got: list[Record] = []
    until(lambda: storing.has(writer.written), lambda: _step_into(got, second, storing))
    storing.check(writer.written)
    before, after = runs(kept), runs(got)
    for shard, run in runs(lost).items():
        places = [record.sequence for record in after[shard]]
        acknowledged = [record.sequence for record in before.get(shard, [])]
        begin = acknowledged.index(places[0]) if places[0] in acknowledged else len(acknowledged)
        expected = [*acknowledged, *(record.sequence for record in run)][begin:]
        assert places[: len(expected)] == expected


def test_two_consumers_share_the_shards(broker: Broker, database: Database) -> None:
    writer, storing = Writer(), Storing()
    one, two = broker.consumer("one", database), broker.consumer("two", database)
    shards: dict[str, set[str]] = {"one": set(), "two": set()}

    def both() -> None:
        broker.put(writer.next(20))
        for name, stream in (("one", one), ("two", two)):
            records = read(stream)
            storing.store(records)
            acknowledge(stream, records)
            shards[name] = {lag.shard for lag in stream.lag()}

    until(lambda: len(shards["one"]) == len(shards["two"]) == 2, both)
    consume_all((one, two), storing, writer.written)
    storing.check(writer.written)
    assert not shards["one"] & shards["two"]


def test_five_consumers_come_and_go(broker: Broker, database: Database) -> None:
    writer, storing = Writer(), Storing()
    with _consuming(broker, database, storing) as start:
        ends = [start("a"), start("b")]
        for name in "cde":
            broker.put(writer.next(100))
            ends.append(start(name))
        for end in ends[:3]:
            broker.put(writer.next(100))
            end()
        until(lambda: storing.has(writer.written), lambda: threading.Event().wait(0.1))
    storing.check(writer.written)


def test_a_broker_restarts(broker: Broker, database: Database) -> None:
    if broker.restart is None:
        pytest.skip("this broker forgets everything")
    writer, storing = Writer(), Storing()
    broker.put(writer.next(100))
    stream = broker.consumer("one", database)
    until(lambda: bool(storing.numbers), lambda: step(stream, storing, 10))
    broker.restart()
    broker.put(writer.next(100))
    consume(stream, storing, writer.written)
    storing.check(writer.written)


def test_the_network_is_cut_and_mended(broker: Broker, database: Database) -> None:
    writer, storing = Writer(), Storing()
    broker.put(writer.next(100))
    stream = broker.consumer("one", database)
    until(lambda: bool(storing.numbers), lambda: step(stream, storing, 10))
    unacknowledged = read(stream, 10)
    storing.store(unacknowledged)
    broker.cut()
    for _ in range(10):
        step(stream, storing)
    broker.mend()
    acknowledge(stream, unacknowledged)
    broker.put(writer.next(100))
    other = broker.consumer("two", database)
    consume_all((stream, other), storing, writer.written)
    storing.check(writer.written)


def test_shards_are_split_while_they_are_read(broker: Broker, database: Database) -> None:
    if broker.reshard is None:
        pytest.skip("this broker's shards stay")
    writer, storing = Writer(), Storing()
    broker.put(writer.next(100))
    with _consuming(broker, database, storing) as start:
        start("one")
        start("two")
        broker.reshard()
        broker.put(writer.next(200))
        until(lambda: storing.has(writer.written), lambda: threading.Event().wait(0.1))
    storing.check(writer.written)


def _step_into(records: list[Record], stream: Stream, storing: Storing | None = None) -> None:
    found = read(stream, 20)
    if storing is not None:
        storing.store(found)
    records.extend(found)
    acknowledge(stream, found)


class _Consuming:
    """Consumers that each run in a thread, as they would in a process."""

    def __init__(self, broker: Broker, database: Database, storing: Storing) -> None:
        self._make = (broker, database, storing)
        self._running: dict[str, tuple[threading.Event, threading.Thread]] = {}

    def start(self, name: str) -> Callable[[], None]:
        broker, database, storing = self._make
        stop, stream = threading.Event(), broker.consumer(name, database)

        def work() -> None:
            while not stop.is_set():
                step(stream, storing)
            stream.close()

        thread = threading.Thread(target=work)
        self._running[name] = (stop, thread)
        thread.start()
        return lambda: self._end(name)

    def end(self) -> None:
        for name in list(self._running):
            self._end(name)

    def _end(self, name: str) -> None:
        stop, thread = self._running.pop(name)
        stop.set()
        thread.join()


@contextmanager
def _consuming(
    broker: Broker, database: Database, storing: Storing
) -> Iterator[Callable[[str], Callable[[], None]]]:
    consuming = _Consuming(broker, database, storing)
    try:
        yield consuming.start
    finally:
        consuming.end()
