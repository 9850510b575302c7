"""A stream's URL."""

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize_streams.stream import StreamAddress


def test_a_url_is_taken_apart() -> None:
    address = StreamAddress.parse("nats://me:se%40cret@a:4222,b:4222/EVENTS?from=latest")
    assert address == StreamAddress(
        "nats", "EVENTS", "a:4222,b:4222", {"from": "latest"}, "me:se@cret"
    )
    assert address.shown == "nats://a:4222,b:4222/EVENTS"
    assert "cret" not in repr(address)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("amqp://host/EVENTS", "is no stream: write one of kinesis://"),
        ("nats://me:secret@host:4222", "nats://host:4222 does not name its stream"),
        ("kafka://host:9092/a/b", "does not name its stream"),
        ("kinesis://a/b", "does not name its stream"),
        ("kafka://host:9092/a?partitions=8", "no option partitions of kafka://: there are from"),
    ],
)
def test_a_url_that_is_none_says_what_to_write(url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as raised:
        StreamAddress.parse(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("given", ["0", "-1", "x", ""])
def test_a_number_that_is_none_is_refused(given: str) -> None:
    address = StreamAddress.parse(f"nats://host:4222/EVENTS?partitions={given}")
    with pytest.raises(InvalidInput, match="must be a positive number"):
        address.count("partitions", 8)


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("", "all"),
        ("?from=all", "all"),
        ("?from=latest", "latest"),
        ("?from=2026-11-26T08:00:00Z", 1_795_680_000_000),
    ],
)
def test_where_to_begin(query: str, start: int | str) -> None:
    assert StreamAddress.parse(f"nats://host:4222/EVENTS{query}").start == start


def test_a_beginning_that_is_none_says_what_there_is() -> None:
    with pytest.raises(InvalidInput, match="must be all, latest or a moment such as"):
        _ = StreamAddress.parse("nats://host:4222/EVENTS?from=soon").start
