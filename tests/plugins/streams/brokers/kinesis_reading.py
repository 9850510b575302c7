"""What tests of Kinesis put, read and look at."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize_streams.stream import Record, Stream
from pawsonalize_streams.stream_shards import Shard, ShardTable
from tests.plugins.streams.brokers.kinesis_broker import KinesisBroker
from tests.plugins.streams.brokers.kinesis_server import Answer, Fault

FIRST = "shardId-000000000000"


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
    until(lambda: len(records) >= count, lambda: records.extend(acknowledged(stream, limit)))
    return records


def acknowledged(stream: Stream, limit: int) -> Sequence[Record]:
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


def caught_up(stream: Stream) -> bool:
    lags = stream.lag()
    return bool(lags) and all(one.is_none for one in lags)
