"""What could not be taken, and whom it seems to be about."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Collection, Iterator
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
    found = set()
    for data in texts:
        for key, value in _pieces(data or b"", 0):
            if key is None:
                matches = _IN_TEXT.finditer(str(value))
                found |= {
                    (_KINDS[f"{one[1].lower()}id"], _name(one[2] or one[3] or one[4] or ""))
                    for one in matches
                }
            elif kind := _KINDS.get(key.translate(_SEPARATORS).lower()):
                found.add((kind, _name(value)))
    return found


class Mentions:
    """Finds out whether one of some names stands in a text as a word, wherever that is."""

    def __init__(self, names: Collection[str]) -> None:
        either = "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))
        self._named = (
            re.compile(rf"(?<![\w@-])(?<!\w\.)(?:{either})(?![\w@-]|\.\w)") if names else None
        )

    def among(self, *texts: bytes | None) -> bool:
        """Whether any of the texts has one of them."""
        named = self._named
        if named is None:
            return False
        pieces = (value for data in texts for _, value in _pieces(data or b"", 0))
        return any(named.search(str(value)) for value in pieces)


def _pieces(data: bytes, depth: int) -> Iterator[tuple[str | None, str | int | float]]:
    """What a text consists of: the values in it with their keys, or all of it without one."""
    text = data.decode("utf-8", "backslashreplace")
    try:
        yield from _of_value("", json.loads(text), depth)
    except (ValueError, RecursionError):
        plain = _from_base64(text)
        if plain is None or depth > _DEEPEST:
            yield None, text
        else:
            yield from _pieces(plain, depth + 1)


def _of_value(
    key: str, value: object, depth: int
) -> Iterator[tuple[str | None, str | int | float]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "", name
            yield from _of_value(name, inner, depth)
    elif isinstance(value, list):
        for inner in value:
            yield from _of_value("", inner, depth)
    elif isinstance(value, str | int | float):
        yield key, value
        if isinstance(value, str) and depth <= _DEEPEST and _may_hold(value):
            yield from _pieces(value.encode("utf-8", "surrogatepass"), depth + 1)


def _may_hold(text: str) -> bool:
    return text.lstrip()[:1] in {"{", "["} or _from_base64(text) is not None


def _from_base64(text: str) -> bytes | None:
    """What the text means in base64, if that may be JSON."""
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
