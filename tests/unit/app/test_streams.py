"""A server's reading of its stream, and when a stream is read through."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from pawsonalize.app import streams
from pawsonalize.app.streams import StreamReading, caught_up
from pawsonalize.domain.errors import StreamUnavailable
from pawsonalize.engine.ingest.consuming import Consumer, Taken
from pawsonalize.storage.stream_shards import Shard, ShardLag, ShardTable


class Failing:
    """Says how long it was kept from trying."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        self.is_down = True
        self.reading = StreamReading(lambda: cast(Consumer, self))
        monkeypatch.setattr(self.reading._stopping, "wait", self.pauses.append)
        monkeypatch.setattr(streams, "_TURN_SECONDS", 0.01)

    def step(self, wait: float) -> Taken:
        if self.is_down:
            raise StreamUnavailable("down")
        return Taken()


def test_a_stream_that_is_down_is_tried_more_and_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing = Failing(monkeypatch)
    for _ in range(7):
        with pytest.raises(StreamUnavailable):
            failing.reading.work()
    assert failing.pauses == [0, 0.5, 1, 2, 4, 8, 10]
    failing.is_down = False
    failing.reading.work()
    failing.reading.work()
    assert failing.pauses[-1] == 0


class Shards:
    def __init__(self, *rows: Shard) -> None:
        self.rows = rows

    def all(self) -> Sequence[Shard]:
        return self.rows


class Reader:
    def __init__(self, *lags: ShardLag) -> None:
        self.stream = self
        self.lags = lags

    def lag(self) -> Sequence[ShardLag]:
        return self.lags


def is_through(reader: Reader, shards: Shards, taken: Taken | None = None) -> bool:
    return caught_up(cast(Any, reader), cast(ShardTable, shards), taken or Taken())


MINE, DONE = ShardLag("0", 0.0, 0), Shard("s", "0")


def test_a_stream_is_read_through_when_nobody_has_anything_left() -> None:
    assert is_through(Reader(MINE), Shards(DONE))
    assert is_through(
        Reader(MINE), Shards(DONE, Shard("s", "1", lag_seconds=0, lag_messages=0, looked_at=1))
    )
    assert is_through(Reader(MINE), Shards(DONE, Shard("s", "1", is_ended=True)))


@pytest.mark.parametrize(
    ("reader", "shards"),
    [
        (Reader(), Shards()),  # nothing is assigned yet
        (Reader(ShardLag("0")), Shards(DONE)),
        (Reader(ShardLag("0", 0.0, 3)), Shards(DONE)),
        (Reader(ShardLag("0", 0.2, None)), Shards(DONE)),
        (Reader(MINE), Shards(DONE, Shard("s", "1"))),  # nobody has looked
        (Reader(MINE), Shards(DONE, Shard("s", "1", lag_messages=2, looked_at=1))),
    ],
)
def test_a_stream_is_not_read_through_while_anything_is_left_or_unknown(
    reader: Reader, shards: Shards
) -> None:
    assert not is_through(reader, shards)


def test_a_stream_that_has_just_brought_something_may_bring_more() -> None:
    assert not is_through(Reader(MINE), Shards(DONE), Taken(1, 1))
