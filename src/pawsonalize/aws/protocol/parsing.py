"""Request bodies to values, by the shape of an operation's input.

Structures become dicts of their known members, timestamps milliseconds since 1970. Members that
are unknown or null are left out. What is no value of its shape is a SerializationException, and
what is no moment InvalidInput.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from pawsonalize.aws.protocol.errors import SERIALIZATION, AwsError
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.decoder import encode_text, read_json

_INT32 = 2**31


class Structure(dict[str, Any]):
    """The members of a structure that are known, and all that was sent."""

    __slots__ = ("sent",)

    def __init__(self, members: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
        super().__init__(members)
        self.sent = sent


def parse(shape: Any, body: bytes) -> Structure:
    """The members of the input; an empty body has none."""
    try:
        document = read_json(body) if body.strip() else {}
    except InvalidInput as error:
        raise AwsError(SERIALIZATION, error.message) from error
    if not isinstance(document, dict):
        raise AwsError(SERIALIZATION, "the body must be a JSON object")
    return Structure({}, document) if shape is None else _structure(shape, document, "")


def _structure(shape: Any, value: Any, path: str) -> Structure:
    given = _expected(dict, value, path)
    members = {
        name: _value(member, given[name], f"{path}.{name}" if path else name)
        for name, member in shape.members.items()
        if given.get(name) is not None
    }
    return Structure(members, given)


def _list(shape: Any, value: Any, path: str) -> list[Any]:
    given = _expected(list, value, path)
    return [
        _value(shape.member, one, f"{path}.{place}.member") for place, one in enumerate(given, 1)
    ]


def _map(shape: Any, value: Any, path: str) -> dict[str, Any]:
    given: Mapping[str, Any] = _expected(dict, value, path)
    return {
        key: _value(shape.value, one, f"{path}.{key}.member")
        for key, one in given.items()
        if one is not None
    }


def _string(shape: Any, value: Any, path: str) -> str:
    if shape.serialization.get("jsonvalue") and isinstance(value, dict | list):
        value = encode_text(value, path)  # some clients forget to quote it
    text: str = _expected(str, value, path)
    return text


def _integer(_shape: Any, value: Any, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT32 <= value < _INT32:
        raise _misfit("a whole number of 32 bits", path)
    return value


def _number(_shape: Any, value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misfit("a number", path)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _misfit("a finite number", path)
    return number


def _timestamp(_shape: Any, value: Any, path: str) -> int:
    return parse_moment(value, path)  # epoch seconds, or ISO 8601 text


def _boolean(_shape: Any, value: Any, path: str) -> bool:
    truth: bool = _expected(bool, value, path)
    return truth


_READERS: Mapping[str, Callable[[Any, Any, str], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
_WORDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}


def _value(shape: Any, value: Any, path: str) -> Any:
    return _READERS[shape.type_name](shape, value, path)


def _expected(kind: type, value: Any, path: str) -> Any:
    if not isinstance(value, kind):
        raise _misfit(_WORDS[kind], path)
    return value


def _misfit(wanted: str, path: str) -> AwsError:
    return AwsError(SERIALIZATION, f"{path or 'the body'} must be {wanted}")
