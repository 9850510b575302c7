"""The calls to Amazon Kinesis of one stream, and their errors in our words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from pawsonalize.domain.errors import InvalidInput, StreamUnavailable
from pawsonalize.wings.streams.address import StreamAddress
from pawsonalize.wings.streams.kinesis_failures import (
    FailureKind,
    KinesisFailure,
    refused,
    unanswered,
)

_CONNECT_SECONDS = 2
_SHARDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ShardList:
    """The shards of a stream, and when that was so by the clock of Kinesis."""

    parents: Mapping[str, Sequence[str]]
    """Of each shard."""
    begins: Mapping[str, int]
    """The first sequence number of each shard that is open."""
    at: int | None
    """In milliseconds since 1970."""


class KinesisClient:
    """One stream's calls; may be used by many threads. Each call is made once, without retries."""

    def __init__(self, address: StreamAddress, connections: int, patience: int) -> None:
        """`patience` is how many seconds an answer may take."""
        self._name = address.name
        self._shown = address.shown
        try:
            import boto3  # noqa: PLC0415 - an extra, and slow to import
            from botocore import exceptions  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
            from botocore.parsers import ResponseParserError  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise InvalidInput(
                f"{self._shown} needs the AWS SDK: pip install 'pawsonalize[aws]'"
            ) from error
        self._answered = exceptions.ClientError
        self._broken = (exceptions.BotoCoreError, ResponseParserError, ValueError)
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
        page: dict[str, Any] = {"StreamName": self._name}
        parents: dict[str, Sequence[str]] = {}
        begins: dict[str, int] = {}
        at = None
        while page:
            answer = self._call(self._client.list_shards, MaxResults=_SHARDS_AT_ONCE, **page)
            at = at or _date(answer)
            for shard in answer["Shards"]:
                both = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                parents[shard["ShardId"]] = tuple(filter(None, both))
                span = shard["SequenceNumberRange"]
                if "EndingSequenceNumber" not in span:
                    begins[shard["ShardId"]] = int(span["StartingSequenceNumber"])
            page = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
        return ShardList(parents, begins, at)

    def iterator(self, shard: str, kind: str, **place: object) -> str:
        """Where to begin to read a shard."""
        answer = self._call(
            self._client.get_shard_iterator,
            StreamName=self._name,
            ShardId=shard,
            ShardIteratorType=kind,
            **place,
        )
        return str(answer["ShardIterator"])

    def records(self, iterator: str, limit: int) -> Mapping[str, Any]:
        """What comes next, as the API answers."""
        answer: Mapping[str, Any] = self._call(
            self._client.get_records, ShardIterator=iterator, Limit=limit
        )
        return answer

    def put(self, records: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, Any]]:
        """Put records; the results are in their order, each of them may be a failure."""
        answer = self._call(self._client.put_records, StreamName=self._name, Records=records)
        results: Sequence[Mapping[str, Any]] = answer["Records"]
        return results

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

    def _call(self, call: Callable[..., Any], **words: object) -> Any:
        try:
            return call(**words)
        except self._answered as error:
            region = self._client.meta.region_name
            raise refused(self._shown, region, call.__name__, error.response) from error
        except self._broken as error:
            raise unanswered(self._shown, error) from error


def _date(answer: Mapping[str, Any]) -> int | None:
    """The clock of Kinesis, in whole seconds, but in milliseconds."""
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return None if told is None else int(parsedate_to_datetime(told).timestamp()) * 1000
