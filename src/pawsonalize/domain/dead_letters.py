"""What could not be taken, and whom it seems to be about."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from pawsonalize.domain.erasures import SESSION, USER, visitor_digest
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id

HTTP: Final = "http"
"""The source of what came by HTTP."""

_DEEPEST = 8  # an envelope within an envelope within a list is three
_KINDS = {"userid": USER, "sessionid": SESSION}
_SEPARATORS = str.maketrans("", "", "_- ")
_IN_TEXT = re.compile(
    r"""\b(user|session)[ _-]?id\b[\\"']*\s*[:=]\s*"""
    r"""(?:\\*"([^"\\]*)|'([^']*)|([^\s"',;&}\])]+))""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What came in and could not be taken, as it came in."""

    letter_id: str
    source: str
    """`http`, or the stream's URL without who logs in."""
    position: str | None
    """Where it stood in the stream: `shard/sequence`, in a list with `/index` behind that."""
    dataset_group: str
    """The dataset group that it was to go into."""
    at: int
    """When it came in, in milliseconds since 1970."""
    code: str
    """Why it could not be taken, for machines."""
    message: str
    """The same for people."""
    field: str | None
    """The field that is wrong, if it is one."""
    raw: bytes
    """As it came in."""
    mended: bytes | None = None
    """What is to be taken in its place."""

    @classmethod
    def of(
        cls,
        source: str,
        dataset_group: str,
        at: int,
        raw: bytes,
        *,
        code: str,
        message: str,
        field: str | None = None,
        position: str | None = None,
    ) -> "DeadLetter":
        """A letter with an id: always the same one for the same position of the same source."""
        new = f"{at:012x}{secrets.token_hex(4)}"
        letter_id = new if position is None else id_of_place(source, position)
        return cls(letter_id, source, position, dataset_group, at, code, message, field, raw)

    @property
    def newest(self) -> bytes:
        """What is to be taken: as it was mended, else as it came in."""
        return self.raw if self.mended is None else self.mended


def id_of_place(source: str, position: str) -> str:
    """The id of what stands at a place of a stream: of an event without its own, and of a letter.

    So a record that is taken after all, however that came about, is stored once.
    """
    place = f"{source} {position}".encode("utf-8", "surrogatepass")
    return blake2b(place, digest_size=10).hexdigest()


def visitors_in(*texts: bytes | None) -> frozenset[str]:
    """The hashes of the users and sessions that the texts name."""
    return frozenset(visitor_digest(kind, name) for kind, name in names_in(*texts))


def names_in(*texts: bytes | None) -> set[tuple[str, str]]:
    """The users and sessions that the texts name, as far as that can be seen: kind and id.

    Looks into JSON, JSON in JSON, and base64; in what is neither, behind `userId` and its like.
    """
    return {one for text in texts if text is not None for one in _in_bytes(text, 0)}


def _in_bytes(data: bytes, depth: int) -> Iterator[tuple[str, str]]:
    text = data.decode("utf-8", "backslashreplace")
    try:
        yield from _in_value(json.loads(text), depth)
    except (ValueError, RecursionError):
        plain = _from_base64(text)
        yield from (
            _in_text(text) if plain is None or depth > _DEEPEST else _in_bytes(plain, depth + 1)
        )


def _in_value(value: object, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            kind = _KINDS.get(key.translate(_SEPARATORS).lower())
            if kind is not None and isinstance(inner, str | int | float):
                yield kind, _name(inner)
            yield from _in_value(inner, depth)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_value(inner, depth)
    elif isinstance(value, str) and depth <= _DEEPEST and _may_hold(value):
        yield from _in_bytes(value.encode("utf-8", "surrogatepass"), depth + 1)


def _in_text(text: str) -> Iterable[tuple[str, str]]:
    for match in _IN_TEXT.finditer(text):
        yield _KINDS[f"{match[1].lower()}id"], _name(match[2] or match[3] or match[4] or "")


def _may_hold(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "["} or _from_base64(text) is not None


def _from_base64(text: str) -> bytes | None:
    """What the text means in base64, if that may be JSON or more than one word."""
    try:
        plain = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    return plain if plain.lstrip()[:1] in {b"{", b"["} else None


def _name(value: str | float) -> str:
    try:
        return parse_id(value, "")
    except InvalidInput:
        return str(value)
