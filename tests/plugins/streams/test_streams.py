"""A server's reading of its stream, and when a stream is read through."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from pawsonalize.core.errors import StreamUnavailable
from pawsonalize_streams import reading as streams
from pawsonalize_streams.consuming import BatchCounts, Consumer
from pawsonalize_streams.reading import CatchingUp, StreamReading
from pawsonalize_streams.stream_shards import Shard, ShardLag, ShardTable


class Failing:
    """Says how long it was kept from trying."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        self.is_down = True
        self.reading = StreamReading(lambda: cast("Consumer", self))
        monkeypatch.setattr(self.reading._stopping, "wait", self.pauses.append)
        monkeypatch.setattr(streams, "_TURN_SECONDS", 0.01)

    def step(self, wait: float) -> BatchCounts:
        if self.is_down:
            raise StreamUnavailable("down")
        return BatchCounts()


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


def catching_up(reader: Reader, shards: Shards) -> CatchingUp:
    return CatchingUp(cast("Any", reader), cast("ShardTable", shards))


MINE, ROW = ShardLag("0", 0.0, 0), Shard("s", "0")


def test_a_stream_is_read_through_when_nothing_is_left() -> None:
    over = Shard("s", "1", is_ended=True)
    assert catching_up(Reader(MINE), Shards(ROW, over)).is_over(BatchCounts())


@pytest.mark.parametrize(
    ("reader", "shards"),
    [
        (Reader(), Shards()),  # nothing is assigned yet
        (Reader(ShardLag("0")), Shards(ROW)),
        (Reader(ShardLag("0", 0.0, 3)), Shards(ROW)),
        (Reader(ShardLag("0", 0.2, None)), Shards(ROW)),
        (Reader(MINE), Shards(ROW, Shard("s", "1"))),  # nobody has looked
    ],
)
def test_a_stream_is_not_read_through_while_anything_is_left_or_unknown(
    reader: Reader, shards: Shards
) -> None:
    waiting = catching_up(reader, shards)
    assert not waiting.is_over(BatchCounts())
    assert not waiting.is_over(BatchCounts())


def test_what_another_consumer_says_counts_once_it_has_looked_again() -> None:
    theirs = Shard("s", "1", holder="other", lag_seconds=0, lag_messages=0, looked_at=1)
    shards = Shards(ROW, theirs)
    waiting = catching_up(Reader(MINE), shards)
    assert not waiting.is_over(BatchCounts())
    assert not waiting.is_over(BatchCounts())  # it may be dead
    shards.rows = (ROW, replace(theirs, looked_at=2, lag_messages=7))
    assert not waiting.is_over(BatchCounts())
    shards.rows = (ROW, replace(theirs, looked_at=3))
    assert waiting.is_over(BatchCounts())


def test_a_stream_that_has_just_brought_something_may_bring_more() -> None:
    assert not catching_up(Reader(MINE), Shards(ROW)).is_over(BatchCounts(1, 1))
