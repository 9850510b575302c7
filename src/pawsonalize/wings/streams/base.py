"""The port of a stream that is read: records in order.

A record's place is its shard and its sequence. Records of one shard come in the order of the
stream; a user's records are in one shard. Every method may raise StreamUnavailable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pawsonalize.wings.streams.stream_shards import ShardLag


@dataclass(frozen=True, slots=True)
class Record:
    """What a stream holds, as it was put there."""

    shard: str
    """The shard's id: unique in the stream, printable."""
    sequence: str
    """Its place in the shard: unique there, printable."""
    data: bytes
    arrived_at: int | None = None
    """When the stream took it, in milliseconds since 1970, where the stream tells."""


class Stream(Protocol):
    """One consumer's view of a stream. Used by one thread."""

    def read(self, limit: int, wait: float) -> Sequence[Record]:
        """The next records of the shards that this consumer reads, at most about `limit`.

        Waits up to `wait` seconds for the first. What was read and not acknowledged is read again,
        by this consumer or another one, after a crash, and never after later records of its shard
        alone: a run of records that is read begins at the latest behind the last acknowledged one.
        """
        ...

    def acknowledge(self, records: Sequence[Record]) -> None:
        """Note that what was read is stored: these records, and all before them in their shards."""
        ...

    def lag(self) -> Sequence[ShardLag]:
        """How far behind this consumer is in each shard that it reads."""
        ...

    def close(self) -> None:
        """Let the shards go, so that others go on at once; what was acknowledged stays noted."""
        ...
