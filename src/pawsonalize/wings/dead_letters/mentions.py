"""Visitors whom a text names, in whatever state it is: cut short, escaped, or in base64."""

import base64
import json
import re
from collections.abc import Collection, Iterator
from contextlib import suppress

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import visitor_digest
from pawsonalize.domain.limits import parse_id

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


def visitors_in(*texts: bytes | None) -> frozenset[str]:
    """The hashes of the users and sessions that the texts name."""
    return frozenset(visitor_digest(kind, name) for kind, name in names_in(*texts))


def names_in(*texts: bytes | None) -> set[tuple[str, str]]:
    """Return kind and id of the users and sessions behind `userId` and its like, in any syntax."""
    matches = (match for text in _texts(*texts) for match in _KEY.finditer(text))
    found = ((match[1].lower(), _id_of(match)) for match in matches)
    return {(kind, name) for kind, name in found if name not in _NOT_NAMES}


def _id_of(match: re.Match[str]) -> str:
    """Return the id as it is read from an event, if it can be."""
    _, double, single, bare = match.groups()
    text = next(one for one in (double, single, bare) if one is not None)
    value: object = text
    with suppress(ValueError, RecursionError):
        value = json.loads(text if bare is not None else f'"{text}"')
    try:
        return parse_id(value, "")
    except InvalidInput:
        return text


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
            for text in _texts(*texts)
            if any(name in text for name in self._names)
        )


def _texts(*texts: bytes | None) -> Iterator[str]:
    """Yield the texts, and those in them: unescaped, as JSON in JSON is, and in base64."""
    # Read as text alone, to a depth: nobody can make this slow by what they send.
    waiting = [(data.decode("utf-8", "replace"), 0) for data in texts if data]
    while waiting:
        text, depth = waiting.pop()
        yield text
        if depth == _DEEPEST:
            continue
        waiting += [(plain, depth + 1) for one in _BASE64.findall(text) if (plain := _plain(one))]
        if "\\" in text:
            waiting.append((_ESCAPE.sub(_unescaped, text), depth + 1))


def _plain(text: str) -> str | None:
    if len(text) % 4 == 1:  # cut in the middle of a byte
        text = text[:-1]
    plain = base64.urlsafe_b64decode(text + "==")
    return plain.decode("utf-8", "replace") if plain[:1] in {b"{", b"["} else None


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) == 5 else _MEANINGS.get(sign, sign)
