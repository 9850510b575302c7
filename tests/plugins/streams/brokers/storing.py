"""What a consumer does with what it reads, as far as a broker can tell: it stores each record once.

A record's data are its key and how many of the key came before it.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, groupby

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.errors import StreamUnavailable
from pawsonalize_streams.stream import Record, Stream

_SECONDS = 120.0


@dataclass
class Writer:
    """Numbers the records of each key."""

    written: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def next(self, count: int, keys: int = 20) -> list[Outgoing]:
        records = []
        for n in range(count):
            key = f"user-{n % keys}"
            number = self.written[key]
            self.written[key] += 1
            records.append(Outgoing(key, f"{key} {number}".encode(), f"{key}-{number}"))
        return records


@dataclass
class Storing:
    """Everything that consumers stored: a record once, however often it was read."""

    by_place: dict[tuple[str, str], bytes] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def store(self, records: Sequence[Record]) -> None:
        with self._lock:
            for record in records:
                place = (record.shard, record.sequence)
                assert self.by_place.setdefault(place, record.data) == record.data
                key, number = record.data.decode().split()
                if int(number) not in self.numbers[key]:
                    self.numbers[key].append(int(number))

    def has(self, written: Mapping[str, int]) -> bool:
        with self._lock:
            return sum(written.values()) <= sum(len(one) for one in self.numbers.values())

    def check(self, written: Mapping[str, int]) -> None:
        """Everything is stored, of each key in the order in which it was put."""
        assert self.numbers == {key: list(range(count)) for key, count in written.items()}


def read(stream: Stream, limit: int = 50, wait: float = 0.2) -> Sequence[Record]:
    """What the stream gives, nothing while the broker is away."""
    try:
        return stream.read(limit, wait)
    except StreamUnavailable:
        time.sleep(0.1)
        return []


def acknowledge(stream: Stream, records: Sequence[Record]) -> None:
    """What cannot be noted is only read again."""
    try:
        stream.acknowledge(records)
    except StreamUnavailable:
        time.sleep(0.1)


def until(happened: Callable[[], bool], step: Callable[[], object]) -> None:
    """Take steps until something has happened."""
    end = time.monotonic() + _SECONDS
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        step()


def read_all(stream: Stream, count: int) -> list[bytes]:
    """Read and acknowledge so many records at least; returns their data."""
    records: list[Record] = []

    def more() -> None:
        found = read(stream)
        acknowledge(stream, found)
        records.extend(found)

    until(lambda: len(records) >= count, more)
    return [record.data for record in records]


def settle(stream: Stream, shards: int = 4) -> None:
    """Read until all shards are open, and nothing is in them."""
    until(lambda: [one.is_none for one in stream.lag()] == [True] * shards, lambda: read(stream))


def consume(stream: Stream, storing: Storing, written: Mapping[str, int]) -> None:
    """Read and store until all that was written is stored and acknowledged."""
    consume_all((stream,), storing, written)


def consume_all(streams: Sequence[Stream], storing: Storing, written: Mapping[str, int]) -> None:
    """The same with several consumers in turn."""
    turns = cycle(streams)
    until(lambda: storing.has(written), lambda: step(next(turns), storing))


def step(stream: Stream, storing: Storing, limit: int = 50) -> None:
    """What a consumer does again and again."""
    records = read(stream, limit)
    storing.store(records)
    acknowledge(stream, records)


def runs(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The records of each shard, as they came."""
    ordered = sorted(records, key=lambda record: record.shard)
    return {shard: list(run) for shard, run in groupby(ordered, lambda record: record.shard)}
