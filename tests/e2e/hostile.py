"""Requests that nobody means well with: seeded, the same in every run."""

import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from pawsonalize.app.http.operations import OPERATIONS
from pawsonalize.aws.protocol import AwsOperation, operations
from pawsonalize.core.http.operation import Operation

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, -(2**63), 2**64, 10**400, 0.5, -0.0, 1e308, math.nan,
    math.inf, "", " ", "\x00", "\ud800", "\u202e", "a" * 300, "../../etc/passwd", "' OR 1=1 --",
    "2026-13-45", "NaN", "${jndi:ldap://x}", "file:///etc/shadow", [], {}, [[]], [None], {"": ""},
    ["x"] * 600, {"a": {"a": {"a": {}}}},
)  # fmt: skip
_HEADERS = (
    b"Content-Length: -1", b"Content-Length: 99999999999", b"Content-Length: abc",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Expect: 100-continue",
    b"Connection: upgrade\r\nUpgrade: websocket", b"Host:", b"Host: a\r\nHost: b",
    b"Cookie: " + b"a=b;" * 500, b"Authorization: Bearer \xff\xfe", b"Range: bytes=0-0",
    b"Authorization: AWS4-HMAC-SHA256 x", b"X: \x00", b": novalue", b"Origin: null",
    b"Content-Type: application/json; charset=\xff", b"Pawsonalize-Visitor: a.b.c",
    b"X-Amz-Target: AmazonPersonalize.", b"X-Forwarded-For: \x01",
)  # fmt: skip
_ARN = "arn:aws:personalize:us-east-1:000000000000:{}"


class Hostile:
    """Makes requests as bytes: mutated ones of both APIs, and broken HTTP."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._aws = sorted(operations().values(), key=lambda one: one.name)
        self._kinds: list[Callable[[], bytes]] = [self._native, self._native, self._wire, self._raw]

    def requests(self, count: int) -> Iterator[bytes]:
        """So many requests, each for a connection of its own."""
        for _ in range(count):
            yield self._random.choice(self._kinds)()

    def _native(self) -> bytes:
        operation: Operation = self._random.choice(OPERATIONS)
        path = operation.documented_path
        while "{" in path:
            name = path[path.index("{") : path.index("}") + 1]
            path = path.replace(name, self._in_a_path())
        given = [one.name for one in operation.parameters if one.where == "query"]
        names = self._random.sample([*given, "x", "userId"], self._random.randint(0, 2))
        path += "?" * bool(names) + "&".join(f"{name}={self._in_a_path()}" for name in names)
        body = b""
        if operation.request:
            examples = list(operation.examples.values()) or [{}]
            body = self._encoded(self._mutated(self._random.choice(examples)))
        return _http(operation.method, path, body, "application/json")

    def _wire(self) -> bytes:
        operation: AwsOperation = self._random.choice(self._aws)
        body = self._encoded(self._mutated(self._value(operation.given)))
        target = "" if operation.path else f"X-Amz-Target: AmazonPersonalize.{operation.name}\r\n"
        return _http("POST", f"/aws{operation.path or ''}", body, operation.content_type, target)

    def _raw(self) -> bytes:
        whole = bytearray(self._native())
        for _ in range(self._random.randint(1, 3)):
            kind = self._random.randrange(5)
            at = self._random.randrange(len(whole) or 1)
            if kind == 0 and whole:
                whole[at] = self._random.randrange(256)
            elif kind == 1:
                del whole[at : at + self._random.randint(1, 20)]
            elif kind == 2:
                whole[at:at] = self._random.randbytes(self._random.randint(1, 20))
            elif kind == 3:
                first = whole.find(b"\r\n") + 2
                whole[first:first] = self._random.choice(_HEADERS) + b"\r\n"
            else:
                whole = whole[: at + 1]
        return bytes(whole)

    def _value(self, shape: Any) -> Any:  # noqa: PLR0911 - one kind, one line
        """Something like what botocore's shape asks for."""
        if shape is None:
            return {}
        match shape.type_name:
            case "structure":
                left_out = self._random.random() / 2
                return {
                    name: self._value(member)
                    for name, member in shape.members.items()
                    if name in shape.required_members or self._random.random() > left_out
                }
            case "list":
                return [self._value(shape.member) for _ in range(self._random.randint(0, 2))]
            case "map":
                return {"x": self._value(shape.value)}
            case "string":
                names = (
                    "dataset-group/pawsonalize",
                    "solution/recommender",
                    "campaign/recommender",
                )
                arn = _ARN.format(self._random.choice(names))
                return self._random.choice([arn, "name", *(shape.enum or ("2-Beagle-2-3",))])
            case "boolean":
                return self._random.random() < 0.5
            case _:
                return self._random.choice((0, 1, 25, 1.5, 1_700_000_000))

    def _in_a_path(self) -> str:
        odd = self._random.choice(_ODD)
        text = odd if isinstance(odd, str) else json.dumps(odd)[:200]
        return quote(text.encode("utf-8", "surrogatepass") or b"x", safe="")

    def _mutated(self, value: Any) -> Any:
        """The value with one place of it changed, left out, doubled or renamed."""
        if self._random.random() < 0.1:
            return self._random.choice(_ODD)
        if isinstance(value, dict) and value:
            name = self._random.choice(list(value))
            changed = dict(value)
            kind = self._random.randrange(6)
            if kind == 0:
                del changed[name]
            elif kind == 1:
                changed[f"{name}x"] = changed.pop(name)
            elif kind == 2:
                changed[str(self._random.choice(_ODD))] = self._random.choice(_ODD)
            else:
                changed[name] = self._mutated(value[name])
            return changed
        if isinstance(value, list) and value:
            place = self._random.randrange(len(value))
            if self._random.random() < 0.2:
                return value * self._random.choice((0, 2, 50))
            return [*value[:place], self._mutated(value[place]), *value[place + 1 :]]
        return self._random.choice(_ODD)

    def _encoded(self, value: Any) -> bytes:
        text = json.dumps(value).encode()
        if self._random.random() < 0.05:
            return text[: self._random.randrange(len(text) + 1)]
        return b"[" * 100_000 if self._random.random() < 0.002 else text


def _http(method: str, path: str, body: bytes, kind: str, more: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
