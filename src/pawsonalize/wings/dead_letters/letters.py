"""Dead letters: refused input, the visitors that it names, and its form in JSON."""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import replace

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import visitor_digest
from pawsonalize.domain.limits import parse_id
from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.engine.ingest.refusals import RefusedInput

_DEEPEST = 8  # JSON in JSON in base64 is three
_KEY = re.compile(
    r"""\b(user|session)[ _-]?id\b["']*\s*[:=]\s*"""
    r"""(?:"((?:[^"\\]|\\.)*)|'([^']*)|([^\s"',;&}\])\\]+))""",
    re.IGNORECASE,
)
_NOT_NAMES = frozenset({"", "null", "true", "false"})
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANINGS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
# What may be JSON in base64: that begins so.
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[eW][A-Za-z0-9+/_-]{10,}")
_STANDARD = str.maketrans("-_", "+/")


class DeadLetter(RefusedInput, frozen=True):
    """A refusal that is kept until it is taken in or removed."""

    # If left out, a new one: always the same for the same position of the same source.
    letter_id: str = ""
    mended: bytes | None = None
    """Text to be taken in its place."""

    def __post_init__(self) -> None:
        if not self.letter_id:
            msgspec.structs.force_setattr(self, "letter_id", self._new_id())

    def _new_id(self) -> str:
        if self.position is None:
            return f"{self.at:012x}{secrets.token_hex(4)}"
        # What a stream brings again is no second letter.
        place = f"{self.source} {self.position}".encode("utf-8", "surrogatepass")
        return blake2b(place, digest_size=10).hexdigest()

    @property
    def event_id(self) -> str:
        """Id of an event without one: for a stream's record the one that its consumer gives."""
        stream = self.source.rpartition("/")[2]
        return self.letter_id if self.position is None else f"{stream}/{self.position}"

    def part(self, number: int, raw: bytes) -> "DeadLetter":
        """A letter of its own for one of several events in it."""
        letter_id = f"{self.letter_id}-{number}"
        position = None if self.position is None else f"{self.position}/{number}"
        return replace(self, letter_id=letter_id, position=position, raw=raw, mended=None)

    @property
    def newest(self) -> bytes:
        """The text to take: as it was mended, else as it came in."""
        return self.raw if self.mended is None else self.mended


def visitors_in(*texts: bytes | None) -> frozenset[str]:
    """The hashes of the users and sessions that the texts name."""
    return frozenset(visitor_digest(kind, name) for kind, name in names_in(*texts))


def names_in(*texts: bytes | None) -> set[tuple[str, str]]:
    """Return kind and id of the users and sessions behind `userId` and its like, in any syntax."""
    matches = (one for data in texts for text in _texts(data or b"") for one in _KEY.finditer(text))
    found = ((one[1].lower(), _value(one)) for one in matches)
    return {(kind, name) for kind, name in found if name not in _NOT_NAMES}


class Mentions:
    """Finds out whether one of some names stands in a text as a word, wherever that is."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = tuple(names)
        # The longer first, as a name may begin with another one.
        either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        self._words = re.compile(rf"(?<![\w@-])(?<!\w\.)(?:{either})(?![\w@-]|\.\w)")

    def among(self, *texts: bytes | None) -> bool:
        """True if any of the texts has one of them."""
        return any(
            self._words.search(text) is not None
            for data in texts
            for text in _texts(data or b"")
            if any(name in text for name in self._names)
        )


def _texts(data: bytes) -> Iterator[str]:
    """Yield the text, and those in it: unescaped, as JSON in JSON is, and in base64."""
    # Read as text alone, to a depth: nobody can make this slow by what they send.
    waiting = [(data.decode("utf-8", "replace"), 0)]
    while waiting:
        text, depth = waiting.pop()
        yield text
        if depth == _DEEPEST:
            continue
        waiting += [(plain, depth + 1) for one in _BASE64.findall(text) if (plain := _plain(one))]
        if "\\" in text:
            waiting.append((_ESCAPE.sub(_unescaped, text), depth + 1))


def _plain(text: str) -> str | None:
    whole = text[: len(text) // 4 * 4 + 4].translate(_STANDARD)
    try:
        plain = base64.b64decode(whole + "=" * (-len(whole) % 4))
    except binascii.Error:  # cut in the middle of a byte
        plain = base64.b64decode(whole[: len(whole) // 4 * 4])
    return plain.decode("utf-8", "replace") if plain[:1] in {b"{", b"["} else None


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) == 5 else _MEANINGS.get(sign, sign)


def _value(match: re.Match[str]) -> str:
    quoted = match[2] if match[2] is not None else match[3]
    text = match[4] if quoted is None else quoted
    value: object = text
    with suppress(ValueError, RecursionError):
        value = json.loads(text if quoted is None else f'"{text}"')
    try:
        return parse_id(value, "")
    except InvalidInput:
        return text


_SAME: Final = ("letter_id", "source", "position", "dataset_group", "code", "message", "field")


class Letter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A refused event or record. `raw` is as it came in, `mended` as it is to be taken.

    Bytes that are no UTF-8 are in base64, as `rawBase64`, `mendedBase64`. `source` is `http` or the
    stream's URL, `position` its place there: shard, sequence, and index in a list.
    """

    letter_id: str
    source: str
    position: str | None = None
    dataset_group: str
    at: str
    code: str
    message: str
    field: str | None = None
    raw: str | None = None
    raw_base64: str | None = None
    mended: str | None = None
    mended_base64: str | None = None


def letter_answer(letter: DeadLetter) -> Letter:
    """A letter as it is shown."""
    texts = _shown("raw", letter.raw) | _shown("mended", letter.mended)
    return Letter(**{name: getattr(letter, name) for name in _SAME}, at=iso(letter.at), **texts)


def read_letter(form: Letter) -> DeadLetter:
    """A letter as it came in; InvalidInput or ValueError if it cannot be read."""
    text = form.raw
    return DeadLetter(
        **{name: getattr(form, name) for name in _SAME},
        at=parse_moment(form.at, "at"),
        raw=base64.b64decode(form.raw_base64 or "") if text is None else text.encode(),
    )


def _shown(name: str, data: bytes | None) -> dict[str, str]:
    try:
        return {} if data is None else {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data or b"").decode()}
