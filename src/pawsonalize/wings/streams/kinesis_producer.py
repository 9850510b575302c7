"""Puts records into Amazon Kinesis, in order for each key."""

import hashlib
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from pawsonalize.app.sending import Outgoing
from pawsonalize.domain.errors import InvalidInput, StreamUnavailable
from pawsonalize.wings.streams.address import StreamAddress
from pawsonalize.wings.streams.kinesis_client import KinesisClient
from pawsonalize.wings.streams.kinesis_failures import FailureKind, KinesisFailure

_RECORDS_AT_ONCE = 500
_BYTES_AT_ONCE = 5 * 1024 * 1024
_BYTES_OF_ONE = 1024 * 1024
_LONGEST_KEY = 256
_PATIENCE_SECONDS = 30  # for megabytes on a slow line
_GIVE_UP_SECONDS = 30.0
"""Without a record that is taken."""
_LEAST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_Queues = dict[str, deque[Outgoing]]


class KinesisProducer:
    """`Producer` of Amazon Kinesis.

    A call may fail for some of its records only, and says nothing of their order. So no call has
    two records of a key: the next one follows when the one before it is in.
    """

    def __init__(
        self,
        address: StreamAddress,
        *,
        create: bool = False,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Write to `kinesis://NAME?region=…`; needs the extra `aws`."""
        self._shown = address.shown
        self._client = KinesisClient(address, 1, _PATIENCE_SECONDS)
        self._steady = steady
        self._sleep = sleep
        if create:
            try:
                self._client.create()
            except KinesisFailure as failure:
                raise failure.error from failure

    def put(self, records: Sequence[Outgoing]) -> None:
        """See `Producer.put`. A call without an answer is made again: a record may come twice."""
        queues = self._by_key(records)
        failures, last = 0, self._steady()
        while queues:
            taken, failure = self._put_some(queues)
            if taken:
                failures, last = 0, self._steady()
            if failure is None:
                continue
            if self._steady() - last >= _GIVE_UP_SECONDS:
                left = sum(map(len, queues.values()))
                raise StreamUnavailable(
                    f"{self._shown} has taken {len(records) - left} of {len(records)} records and"
                    f" takes no more: {failure}"
                )
            pause = min(_LONGEST_PAUSE, _LEAST_PAUSE * 2 ** min(failures, 10))
            failures += 1
            self._sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads calls, guards nothing

    def close(self) -> None:
        """See `Producer.close`."""
        self._client.close()

    def _by_key(self, records: Sequence[Outgoing]) -> _Queues:
        queues: _Queues = {}
        for record in records:
            if len(record.data) > _BYTES_OF_ONE:
                raise InvalidInput(
                    f"a record for {self._shown} has {len(record.data)} bytes: a stream takes"
                    f" {_BYTES_OF_ONE}"
                )
            queues.setdefault(_partition_key(record.key), deque()).append(record)
        return queues

    def _put_some(self, queues: _Queues) -> tuple[int, str | None]:
        """Put the first record of many keys; how many were taken, and why others were not."""
        call = _firsts(queues)
        try:
            results = self._client.put(
                [{"PartitionKey": key, "Data": record.data} for key, record in call.items()]
            )
        except KinesisFailure as failure:
            if failure.trouble in (FailureKind.BUSY, FailureKind.AWAY):
                return 0, str(failure)
            raise failure.error from failure
        reason = None
        for key, result in zip(call, results, strict=True):
            queue = queues.pop(key)
            if "ErrorCode" in result:
                reason = str(result["ErrorCode"])
            else:
                queue.popleft()
            if queue:
                queues[key] = queue  # behind all others, so that none starves
        return len(call) - sum("ErrorCode" in one for one in results), reason


def _firsts(queues: _Queues) -> Mapping[str, Outgoing]:
    """The first record of each key, as many as one call takes."""
    call: dict[str, Outgoing] = {}
    size = 0
    for key, queue in queues.items():
        size += len(key.encode()) + len(queue[0].data)
        if len(call) == _RECORDS_AT_ONCE or (call and size > _BYTES_AT_ONCE):
            break
        call[key] = queue[0]
    return call


def _partition_key(key: str) -> str:
    """Keys have 1 to 256 characters; others are known by their hash."""
    return key if 0 < len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
