"""Streams of events: their addresses, and the port by which they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import parse_moment
from pawsonalize_streams.stream_shards import ShardLag


# A record's place is its shard and its sequence. Records of one shard come in the order of the
# stream; a user's records are in one shard.
class Record(msgspec.Struct, frozen=True):
    """A record of a stream."""

    shard: str
    """Unique in the stream, printable."""
    sequence: str
    """Unique in the shard, printable."""
    data: bytes
    arrived_at: int | None = None
    """Arrival at the stream in milliseconds since 1970, if known."""


class Stream(Protocol):
    """One consumer's view of a stream, for one thread. Methods may raise StreamUnavailable."""

    def read(self, limit: int, wait: float) -> Sequence[Record]:
        """Return the next records of this consumer's shards, at most about `limit`.

        Waits up to `wait` seconds for the first. What nobody acknowledges is read again, by
        any consumer, and never after later ones of their shard: a new reader begins at the latest
        behind the last acknowledged record.
        """
        ...

    def acknowledge(self, records: Sequence[Record]) -> None:
        """Note that what was read is stored: these records, and all before them in their shards."""
        ...

    def lag(self) -> Sequence[ShardLag]:
        """Return the lag of each shard that this consumer reads."""
        ...

    def close(self) -> None:
        """Let the shards go, so that others go on at once; what was acknowledged stays noted."""
        ...


_FORMS = {
    "kinesis": "kinesis://NAME?region=eu-west-1",
    "nats": "nats://host:4222/STREAM",
    "kafka": "kafka://host:9092/TOPIC",
}
_OPTIONS = {
    "kinesis": frozenset({"region", "endpoint", "from"}),
    "nats": frozenset({"from", "partitions", "replicas"}),
    "kafka": frozenset({"from", "group"}),
}


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """A stream's URL, taken apart."""

    kind: str
    """`kinesis`, `nats` or `kafka`."""
    name: str
    """The stream or topic."""
    host: str = ""
    """Host and port of the broker, several with commas between; none for Kinesis."""
    options: Mapping[str, str] = field(default_factory=dict)
    login: str = field(default="", repr=False)
    """`user:password`, or a token."""

    @classmethod
    def parse(cls, url: str) -> "StreamAddress":
        """Read a URL; InvalidInput says what is wrong with it."""
        parts = urlsplit(url)
        kind = parts.scheme
        if kind not in _FORMS:
            forms = ", ".join(_FORMS.values())
            raise InvalidInput(f"{_without_login(url)} is no stream: write one of {forms}")
        login, _, host = parts.netloc.rpartition("@")
        name = host if kind == "kinesis" else parts.path.strip("/")
        if not name or (kind == "kinesis" and parts.path.strip("/")) or "/" in name:
            text = f"{_without_login(url)} does not name its stream: write {_FORMS[kind]}"
            raise InvalidInput(text)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        for option in options.keys() - _OPTIONS[kind]:
            known = ", ".join(sorted(_OPTIONS[kind]))
            raise InvalidInput(f"there is no option {option} of {kind}://: there are {known}")
        return cls(kind, unquote(name), "" if kind == "kinesis" else host, options, unquote(login))

    @property
    def shown(self) -> str:
        """The URL without who logs in."""
        if self.kind == "kinesis":
            region = self.options.get("region")
            return f"kinesis://{self.name}" + (f"?region={region}" if region else "")
        return f"{self.kind}://{self.host}/{self.name}"

    def count(self, option: str, default: int) -> int:
        """An option that is a positive number; InvalidInput if it is none."""
        given = self.options.get(option, str(default))
        if not given.isascii() or not given.isdigit() or not int(given):
            raise InvalidInput(f"{option} in {self.shown} must be a positive number, not {given!r}")
        return int(given)

    @property
    def start(self) -> int | str:
        """Start in a shard that nobody has read: `all`, `latest`, or a moment."""
        given = self.options.get("from", "all")
        if given in ("all", "trim_horizon"):  # as Amazon calls it
            return "all"
        if given == "latest":
            return given
        try:
            # In a query a plus is a space.
            return parse_moment(given.replace(" ", "+"), "from")
        except InvalidInput as error:
            raise InvalidInput(
                f"from in {self.shown} must be all, latest or a moment such as"
                f" 2026-05-17T09:30:00Z, not {given!r}"
            ) from error


def _without_login(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
