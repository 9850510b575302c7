"""Nodes of a NATS cluster are killed while records are put and read: nothing of them is lost."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StreamUnavailable
from tests.plugins.streams.brokers.nats_broker import NatsBroker, NatsCluster, nats_cluster
from tests.plugins.streams.brokers.storing import Storing, Writer, consume_all, step

_TRIALS = 100


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Not the one that other tests use at the same time."""
    with nats_cluster(tmp_path_factory.mktemp("nats")) as cluster:
        yield cluster


def _leader(cluster: NatsCluster, broker: NatsBroker) -> tuple[int, ...]:
    info = broker.admin(lambda context: context.stream_info(broker.name))
    assert info.cluster is not None
    return (int(str(info.cluster.leader).removeprefix("n")),)


def _all_nodes(cluster: NatsCluster, broker: NatsBroker) -> tuple[int, ...]:
    return (0, 1, 2)


_Victims = Callable[[NatsCluster, NatsBroker], tuple[int, ...]]
_WHOM = pytest.mark.parametrize("victims", [_leader, _all_nodes])


@_WHOM
def test_killed_nodes_lose_nothing_that_was_acknowledged(
    cluster: NatsCluster, database: Database, victims: _Victims
) -> None:
    _trial(cluster, database, victims, random.Random(0))


@pytest.mark.nightly
@_WHOM
def test_killed_nodes_lose_nothing_in_many_trials(
    cluster: NatsCluster, tmp_path: Path, victims: _Victims
) -> None:
    for trial in range(_TRIALS):
        database = Database(f"sqlite:///{tmp_path / f'{trial}.sqlite3'}")
        _trial(cluster, database, victims, random.Random(trial))
        database.close()


def _trial(
    cluster: NatsCluster, database: Database, victims: _Victims, chance: random.Random
) -> None:
    broker = NatsBroker(cluster)
    writer, storing, stop = Writer(), Storing(), threading.Event()
    consumers = [broker.consumer(name, database) for name in ("one", "two")]

    def write() -> None:
        while not stop.is_set():
            _put(broker, writer.next(40))

    def read(number: int) -> None:
        while not stop.is_set():
            step(consumers[number], storing)

    threads = [threading.Thread(target=write)]
    threads += [threading.Thread(target=read, args=(number,)) for number in range(2)]
    try:
        for thread in threads:
            thread.start()
        time.sleep(0.3 + chance.random())
        killed = victims(cluster, broker)
        cluster.stop(*killed)
        time.sleep(chance.random())
        cluster.start(*killed)
        cluster.wait_until_healthy()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    consume_all(consumers, storing, writer.written)
    storing.check(writer.written)
    broker.close()


def _put(broker: NatsBroker, records: list[Outgoing]) -> None:
    """Put them again until all are acknowledged, as a site would."""
    while True:
        try:
            broker.put(records)
        except StreamUnavailable:
            time.sleep(0.1)
        else:
            return
