"""Values of botocore's shapes: read from request bodies, checked, and written into answers.

Read structures are dicts of their known members, moments are milliseconds since 1970. Members that
are unknown or null are left out. A value of another shape is a SerializationException, and what
is no moment InvalidInput. Written are the members that a shape has, but for those that are None.
"""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import msgspec

from pawsonalize.aws.protocol import SERIALIZATION, AwsError
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import encode_text, read_json
from pawsonalize.core.times import SECOND, parse_moment

_INT32 = 2**31
_MAX_SHOWN = 100
_MAX_BREACHES = 20
# Java's classes of characters in Python's words; a letter or digit is what \w has but _.
_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\w",
    r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    r"\p{ASCII}": r"[\x00-\x7f]",
}
# Wider than the model: imports also come from files of this machine.
_PATTERNS = {"S3Location": "(s3|http|https|file)://.+"}
_ENCODER = msgspec.json.Encoder()


class Structure(dict[str, Any]):
    """The members of a structure that are known, and all that was sent."""

    __slots__ = ("sent",)

    def __init__(self, members: Mapping[str, object], sent: Mapping[str, object]) -> None:
        super().__init__(members)
        self.sent = sent


def parse(shape: object, body: bytes) -> Structure:
    """Return the members of the input; an empty body has none.

    InvalidInputException names every breach of the shape, worded as AWS words it.
    """
    try:
        document = read_json(body) if body.strip() else {}
    except InvalidInput as error:
        raise AwsError(SERIALIZATION, error.message) from error
    if not isinstance(document, dict):
        raise AwsError(SERIALIZATION, "the body must be a JSON object")
    if shape is None:
        return Structure({}, document)
    breaches: list[str] = []
    members = _structure(shape, document, "", breaches)
    # Raised last: a member of another type is worse than one that breaches its shape.
    if breaches:
        noun = "validation error" if len(breaches) == 1 else "validation errors"
        shown = "; ".join(breaches[:_MAX_BREACHES])
        raise InvalidInput(f"{len(breaches)} {noun} detected: {shown}")
    return members


def _value(shape: Any, value: object, path: str, breaches: list[str]) -> Any:
    return _READERS[shape.type_name](shape, value, path, breaches)


def _structure(shape: Any, value: object, path: str, breaches: list[str]) -> Structure:
    given = _expected(dict, value, path)
    paths = {name: f"{path}.{name}" if path else name for name in shape.members}
    missing = (paths[name] for name in shape.required_members if given.get(name) is None)
    breaches += (_breach(None, one, "Member must not be null") for one in missing)
    members = {
        name: _value(member, given[name], paths[name], breaches)
        for name, member in shape.members.items()
        if given.get(name) is not None
    }
    return Structure(members, given)


def _list(shape: Any, value: object, path: str, breaches: list[str]) -> list[object]:
    given = _expected(list, value, path)
    _bound(shape, "length", len(given), None, path, breaches)
    return [
        _value(shape.member, one, f"{path}.{place}.member", breaches)
        for place, one in enumerate(given, 1)
    ]


def _map(shape: Any, value: object, path: str, breaches: list[str]) -> dict[str, object]:
    given = {key: one for key, one in _expected(dict, value, path).items() if one is not None}
    _bound(shape, "length", len(given), None, path, breaches)
    return {
        _value(shape.key, key, f"{path}.key", breaches): _value(
            shape.value, one, f"{path}.{key}.member", breaches
        )
        for key, one in given.items()
    }


def _string(shape: Any, value: object, path: str, breaches: list[str]) -> str:
    if shape.serialization.get("jsonvalue") and isinstance(value, dict | list):
        value = encode_text(value, path)  # some clients forget to quote it
    text: str = _expected(str, value, path)
    limits = shape.metadata
    shown = None if limits.get("sensitive") else text
    if _bound(shape, "length", len(text), shown, path, breaches):
        return text  # some patterns take too long on too long a text
    pattern = _PATTERNS.get(shape.name, limits.get("pattern"))
    if pattern is not None and not _compiled(pattern).fullmatch(text):
        rule = f"Member must satisfy regular expression pattern: {pattern}"
        breaches.append(_breach(shown, path, rule))
    allowed = limits.get("enum")
    if allowed and text not in allowed:
        rule = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        breaches.append(_breach(shown, path, rule))
    return text


def _integer(shape: object, value: object, path: str, breaches: list[str]) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT32 <= value < _INT32:
        raise _misfit("a whole number of 32 bits", path)
    _bound(shape, "value", value, value, path, breaches)
    return value


def _number(shape: object, value: object, path: str, breaches: list[str]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misfit("a number", path)
    with suppress(OverflowError):
        if math.isfinite(number := float(value)):
            _bound(shape, "value", number, number, path, breaches)
            return number
    raise _misfit("a finite number", path)


_READERS: Mapping[str, Callable[[object, object, str, list[str]], object]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": lambda _shape, value, path, _breaches: _expected(bool, value, path),
    # Epoch seconds, or ISO 8601 text.
    "timestamp": lambda _shape, value, path, _breaches: parse_moment(value, path),
}
_WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}


def _expected(kind: type, value: object, path: str) -> Any:
    if not isinstance(value, kind):
        raise _misfit(_WORDS[kind], path)
    return value


def _misfit(wanted: str, path: str) -> AwsError:
    return AwsError(SERIALIZATION, f"{path or 'the body'} must be {wanted}")


def _bound(
    shape: Any, noun: str, size: float, shown: object, path: str, breaches: list[str]
) -> bool:
    """Note a size that is out of the shape's bounds; True if it is."""
    limits = shape.metadata
    if size < limits.get("min", size):
        bound = f"greater than or equal to {limits['min']}"
    elif size > limits.get("max", size):
        bound = f"less than or equal to {limits['max']}"
    else:
        return False
    breaches.append(_breach(shown, path, f"Member must have {noun} {bound}"))
    return True


def _breach(value: object, path: str, rule: str) -> str:
    """One sentence of the message; what is long or sensitive is not repeated."""
    shown = "" if value is None or len(str(value)) > _MAX_SHOWN else f" '{value}'"
    return f"Value{shown} at '{path[:_MAX_SHOWN]}' failed to satisfy constraint: {rule}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as Python's."""
    # Its digits are ASCII's alone, as they are in Java.
    flags = re.NOFLAG if r"\p{L}" in pattern else re.ASCII
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern, flags)


def serialise(shape: object, value: Mapping[str, object] | None) -> bytes:
    """Return the body of an answer; empty where the operation answers nothing."""
    return b"" if shape is None else _ENCODER.encode(_writer(shape)(value or {}))


@cache
def _writer(shape: Any) -> Callable[[Any], object]:
    match shape.type_name:
        case "structure":
            members = [(name, _writer(member)) for name, member in shape.members.items()]
            return lambda value: {
                name: write(found)
                for name, write in members
                if (found := value.get(name)) is not None
            }
        case "list":
            write_one = _writer(shape.member)
            return lambda value: [write_one(one) for one in value]
        case "map":
            write_value = _writer(shape.value)
            return lambda value: {str(key): write_value(one) for key, one in value.items()}
        case "timestamp":
            return lambda moment: moment / SECOND
        case "string":
            return str
    return lambda value: value
