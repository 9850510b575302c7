"""The calls to Amazon Kinesis of one stream, and their errors in our words."""

import hashlib
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import msgspec

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.errors import InvalidInput, StreamUnavailable, needing
from pawsonalize_streams.stream import StreamAddress

_CONNECT_SECONDS = 2
_SHARDS_AT_ONCE = 1000
_RECORDS_AT_ONCE = 500
_BYTES_AT_ONCE = 5 * 1024 * 1024
_BYTES_OF_ONE = 1024 * 1024
_LONGEST_KEY = 256
_PATIENCE_SECONDS = 30  # for megabytes on a slow line
_GIVE_UP_SECONDS = 30.0  # without a record that is stored
_LEAST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_Queues = dict[str, deque[Outgoing]]
_PAGE = "docs/how-to/read-a-kinesis-stream.md"
_BUSY = frozenset(
    {
        *("ProvisionedThroughputExceededException", "LimitExceededException", "SlowDown"),
        *("KMSThrottlingException", "Throttling", "ThrottlingException", "RequestLimitExceeded"),
        *("ExpiredNextTokenException", "ResourceInUseException", "TooManyRequestsException"),
    }
)
_DENIED = frozenset(
    {
        *("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "OptInRequired"),
        *("KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException"),
        *("KMSNotFoundException", "KMSOptInRequired"),
    }
)
_LOGIN = frozenset(
    {
        *("ExpiredTokenException", "ExpiredToken", "RequestExpired", "InvalidSignatureException"),
        *("UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        *("IncompleteSignature", "MissingAuthenticationToken", "IncompleteSignatureException"),
        *("MissingAuthenticationTokenException", "InvalidAccessKeyId"),
    }
)


class FailureKind(Enum):
    """Kind of a failed call; it decides the next move."""

    BUSY = "try again later"
    AWAY = "try again later; nobody answers"
    ITERATOR = "get a new iterator"
    PLACE = "there is no such shard, or no such place in it"
    REFUSED = "an operator has to do something"


class KinesisFailure(Exception):
    """A call that failed; `error` is what to raise if it stays so."""

    def __init__(self, trouble: FailureKind, error: InvalidInput | StreamUnavailable) -> None:
        super().__init__(str(error))
        self.trouble = trouble
        self.error = error


def unanswered(shown: str, error: Exception) -> KinesisFailure:
    """Return the failure of a call to the stream `shown` that got no answer."""
    kind = type(error).__name__
    if "Credential" in kind or "Token" in kind or kind == "ProfileNotFound":
        text = (
            f"AWS credentials for {shown} cannot be had ({kind}): set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
        )
        return KinesisFailure(FailureKind.REFUSED, InvalidInput(text))
    if kind == "ParamValidationError":
        return KinesisFailure(FailureKind.REFUSED, InvalidInput(f"{shown} cannot be used: {error}"))
    return KinesisFailure(FailureKind.AWAY, StreamUnavailable(f"{shown} does not answer ({kind})"))


def refused(shown: str, region: str, call: str, answer: Any) -> KinesisFailure:
    """Return the failure for an answer that is an error."""
    code = str(answer.get("Error", {}).get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    detail = f"({call}: {code})"  # not its message, which may hold the id of a key
    kind, error = FailureKind.REFUSED, InvalidInput(f"{shown} refuses a call {detail}")
    if code in _BUSY or status >= 500 or status == 429:
        text = f"{shown} takes no more calls for now {detail}"
        return KinesisFailure(FailureKind.BUSY, StreamUnavailable(text))
    if code in _LOGIN:
        text = (
            f"AWS does not accept the credentials for {shown} {detail}: renew them, and check this"
            " machine's clock"
        )
        return KinesisFailure(kind, StreamUnavailable(text))
    if code in _DENIED:
        error = InvalidInput(f"AWS forbids a call to {shown} {detail}: allow what {_PAGE} lists")
    elif code == "ResourceNotFoundException":
        kind = FailureKind.PLACE
        error = InvalidInput(
            f"there is no stream {shown} in region {region} {detail}: create it, or correct its"
            " name or ?region="
        )
    elif code == "ExpiredIteratorException" or call == "get_records":
        return KinesisFailure(FailureKind.ITERATOR, StreamUnavailable(f"{shown} refuses {detail}"))
    elif call == "get_shard_iterator":
        kind = FailureKind.PLACE
    return KinesisFailure(kind, error)


class ShardList(msgspec.Struct, frozen=True):
    """The shards of a stream, and when that was so by the clock of Kinesis."""

    parents: Mapping[str, Sequence[str]]
    begins: Mapping[str, int]
    """First sequence number of each open shard."""
    at: int | None
    """Milliseconds since 1970, by the clock of Kinesis."""


class KinesisClient:
    """One stream's calls; may be used by many threads. Each call is made once, without retries."""

    def __init__(self, address: StreamAddress, connections: int, patience: int) -> None:
        """`patience` is how many seconds an answer may take."""
        self._name = address.name
        self._shown = address.shown
        with needing("kinesis", f"{self._shown} needs the AWS SDK"):
            import boto3  # noqa: PLC0415 - an extra, and slow to import
            from botocore import exceptions  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
            from botocore.parsers import ResponseParserError  # noqa: PLC0415
        self._answered = exceptions.ClientError
        self._broken = (exceptions.BotoCoreError, ResponseParserError, ValueError)
        # Whoever calls decides when to try again, and must not wait for it in here.
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=patience,
            retries={"total_max_attempts": 1},
            max_pool_connections=connections,
        )
        try:
            self._client = boto3.session.Session().client(
                "kinesis",
                region_name=address.options.get("region"),
                endpoint_url=address.options.get("endpoint"),
                config=config,
            )
        except exceptions.NoRegionError as error:
            raise InvalidInput(
                f"no region is set for {self._shown}: add ?region=eu-west-1, or set"
                " AWS_DEFAULT_REGION"
            ) from error
        except self._broken as error:
            raise InvalidInput(f"{self._shown} cannot be used: {error}") from error

    def shards(self) -> ShardList:
        """All shards that the stream still has, closed ones as well."""
        page: dict[str, object] = {"StreamName": self._name}
        parents: dict[str, Sequence[str]] = {}
        begins: dict[str, int] = {}
        at: int | None = None
        while page:
            answer = self._call(self._client.list_shards, MaxResults=_SHARDS_AT_ONCE, **page)
            date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
            if at is None and date is not None:  # in whole seconds
                at = int(parsedate_to_datetime(date).timestamp()) * 1000
            for shard in answer["Shards"]:
                both = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                parents[shard["ShardId"]] = tuple(filter(None, both))
                span = shard["SequenceNumberRange"]
                if "EndingSequenceNumber" not in span:
                    begins[shard["ShardId"]] = int(span["StartingSequenceNumber"])
            page = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
        return ShardList(parents, begins, at)

    def iterator(self, shard: str, kind: str, **place: object) -> str:
        """Return an iterator of a shard."""
        which = {"StreamName": self._name, "ShardId": shard, "ShardIteratorType": kind}
        answer = self._call(self._client.get_shard_iterator, **which, **place)
        return str(answer["ShardIterator"])

    def records(self, iterator: str, limit: int) -> Mapping[str, object]:
        """Return the next records, as the API answers."""
        return dict(self._call(self._client.get_records, ShardIterator=iterator, Limit=limit))

    def put(self, records: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
        """Put records; the results are in their order, each of them may be a failure."""
        answer = self._call(self._client.put_records, StreamName=self._name, Records=records)
        return list(answer["Records"])

    def create(self) -> None:
        """Make the stream, on demand, unless it is there, and wait until it can be used."""
        try:
            self.shards()
        except KinesisFailure as failure:
            if failure.trouble is not FailureKind.PLACE:
                raise
        else:
            return
        mode = {"StreamMode": "ON_DEMAND"}
        self._call(self._client.create_stream, StreamName=self._name, StreamModeDetails=mode)
        ready = self._client.get_waiter("stream_exists")
        try:
            ready.wait(StreamName=self._name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        except (*self._broken, self._answered) as error:
            raise StreamUnavailable(f"{self._shown} is not ready after a minute") from error

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _call(self, call: Callable[..., object], **words: object) -> Any:
        try:
            return call(**words)
        except self._answered as error:
            region = self._client.meta.region_name
            raise refused(self._shown, region, call.__name__, error.response) from error
        except self._broken as error:
            raise unanswered(self._shown, error) from error


# A call may fail for some records only, in any order. So no call has two records of a key: the next
# one follows when the one before it is stored.
class KinesisProducer:
    """`Producer` of Amazon Kinesis."""

    def __init__(self, address: StreamAddress, *, create: bool = False) -> None:
        """Write to `kinesis://NAME?region=…`; needs the extra `kinesis`."""
        self._shown = address.shown
        self._client = KinesisClient(address, 1, _PATIENCE_SECONDS)
        if create:
            try:
                self._client.create()
            except KinesisFailure as failure:
                raise failure.error from failure

    def put(self, records: Sequence[Outgoing]) -> None:
        """See `Producer.put`."""
        # A call without an answer is made again, so a record may come twice.
        queues = self._by_key(records)
        failures, last = 0, time.monotonic()
        while queues:
            stored, failure = self._put_some(queues)
            if stored:
                failures, last = 0, time.monotonic()
            if failure is None:
                continue
            if time.monotonic() - last >= _GIVE_UP_SECONDS:
                left = sum(map(len, queues.values()))
                raise StreamUnavailable(
                    f"{self._shown} has taken {len(records) - left} of {len(records)} records and"
                    f" takes no more: {failure}"
                )
            pause = min(_LONGEST_PAUSE, _LEAST_PAUSE * 2 ** min(failures, 10))
            failures += 1
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads calls, guards nothing

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
            key = record.key  # keys have 1 to 256 characters there; others go by their hash
            if not 0 < len(key) <= _LONGEST_KEY:
                key = hashlib.sha256(key.encode()).hexdigest()
            queues.setdefault(key, deque()).append(record)
        return queues

    def _put_some(self, queues: _Queues) -> tuple[int, str | None]:
        call = _firsts(queues)
        try:
            rows = [{"PartitionKey": key, "Data": one.data} for key, one in call.items()]
            results = self._client.put(rows)
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
    call: dict[str, Outgoing] = {}
    size = 0
    for key, queue in queues.items():
        size += len(key.encode()) + len(queue[0].data)
        if len(call) == _RECORDS_AT_ONCE or (call and size > _BYTES_AT_ONCE):
            break
        call[key] = queue[0]
    return call
