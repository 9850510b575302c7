"""One shard: when it is called, and what of it is stored."""

from typing import Any

import pytest

from pawsonalize.core.errors import StreamUnavailable
from pawsonalize_streams.kinesis import ShardReader
from pawsonalize_streams.kinesis_client import FailureKind, KinesisClient, KinesisFailure
from pawsonalize_streams.stream_shards import ShardLag

CLIENT: KinesisClient = None  # type: ignore[assignment] # calls are made here by the test itself
BUSY = KinesisFailure(FailureKind.BUSY, StreamUnavailable("slow"))


def answer(*sequences: int, behind: int = 0, ends: bool = False) -> dict[str, Any]:
    records = [{"SequenceNumber": str(one), "Data": b"data"} for one in sequences]
    more = {} if ends else {"NextShardIterator": "next"}
    return {"Records": records, "MillisBehindLatest": behind, **more}


@pytest.fixture
def reader() -> ShardReader:
    return ShardReader("shard", "stream", None, 100.0)


def took(reader: ShardReader, now: float, *sequences: int, **words: Any) -> None:
    reader.call(CLIENT, 10, now)
    reader.took(answer(*sequences, **words), now)


def test_a_shard_that_is_behind_is_called_at_once_but_five_times_a_second(
    reader: ShardReader,
) -> None:
    now, calls = 100.0, []
    while now < 103:
        if reader.is_due(now):
            calls.append(now)
            took(reader, now, behind=60_000)
        now += 0.01
    assert calls[4] - calls[0] < 0.1
    assert all(later - earlier > 1 for earlier, later in zip(calls, calls[5:], strict=False))
    assert len(calls) == 15


def test_a_shard_that_is_caught_up_is_called_four_times_a_second(reader: ShardReader) -> None:
    took(reader, 100)
    assert not reader.is_due(100.24)
    assert reader.is_due(100.25)


def test_a_shard_is_not_called_while_something_of_it_waits(reader: ShardReader) -> None:
    took(reader, 100, 1, 2, behind=1000)
    assert not reader.is_due(101)
    assert [record.sequence for record in reader.hand_on(10)] == ["1", "2"]
    assert reader.is_due(101)


def test_a_shard_that_fails_is_called_ever_later_and_never_given_up(reader: ShardReader) -> None:
    pauses = []
    for _ in range(12):
        reader.failed(BUSY, 100)
        pauses.append(reader.due - 100)
    assert 0.125 <= pauses[0] <= 0.25
    assert 5 <= pauses[-1] <= 10


def test_a_position_is_the_last_of_a_run_that_is_stored(reader: ShardReader) -> None:
    took(reader, 100, 1, 2, 3)
    list(reader.hand_on(10))
    assert reader.stored("2") == "2"
    assert reader.stored("1") is None
    assert not reader.is_stored
    assert reader.stored("3") == "3"
    assert reader.is_stored


def test_a_shard_is_done_when_it_ended_and_all_is_stored(reader: ShardReader) -> None:
    took(reader, 100, 1, ends=True)
    assert not reader.is_done
    list(reader.hand_on(10))
    assert not reader.is_done
    reader.stored("1")
    assert reader.is_done


def test_a_shard_that_another_one_wants_is_not_done_if_something_of_it_was_not_handed_on(
    reader: ShardReader,
) -> None:
    took(reader, 100, 1, ends=True)
    reader.leave()
    assert not reader.is_done
    assert not reader.waiting
    assert not reader.is_due(200)


def test_what_comes_of_a_call_that_was_made_before_is_left_to_who_wants_the_shard(
    reader: ShardReader,
) -> None:
    reader.call(CLIENT, 10, 100)
    reader.leave()
    reader.took(answer(1, ends=True), 100)
    assert not reader.waiting
    assert not reader.is_done


def test_the_lag_grows_while_nobody_answers(reader: ShardReader) -> None:
    took(reader, 100, behind=2000)
    reader.failed(BUSY, 101)
    assert reader.lag(107) == ShardLag("shard", 9.0)


def test_the_lag_grows_while_a_call_hangs(reader: ShardReader) -> None:
    took(reader, 100)
    reader.call(CLIENT, 10, 101)
    assert reader.lag(102) == ShardLag("shard", 0.0, 0)
    assert reader.lag(104) == ShardLag("shard", 4.0)


def test_at_a_shards_end_the_lag_is_what_was_read_and_is_not_stored(reader: ShardReader) -> None:
    took(reader, 100, 1, 2)
    next(reader.hand_on(1))
    assert reader.lag(100) == ShardLag("shard", 0.0, 2)
    reader.stored("1")
    assert reader.lag(100) == ShardLag("shard", 0.0, 1)


def test_a_shard_of_which_nothing_is_known_counts_as_behind(reader: ShardReader) -> None:
    assert not reader.lag(100).is_none
