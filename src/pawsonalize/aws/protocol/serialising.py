"""Values to response bodies, by the shape of an operation's output.

Of a mapping the members that its shape has are taken, those that are None left out. Moments are
milliseconds since 1970 and become epoch seconds. What a shape asks for is worked out once.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec

from pawsonalize.domain.times import SECOND

_ENCODER = msgspec.json.Encoder()
_Writer = Callable[[Any], Any]


def serialise(shape: Any, value: Mapping[str, Any] | None) -> bytes:
    """The body of an answer; empty where the operation answers nothing."""
    return b"" if shape is None else _ENCODER.encode(_writer(shape)(value or {}))


@cache
def _writer(shape: Any) -> _Writer:
    """What makes plain JSON values of the shape's."""
    match shape.type_name:
        case "structure":
            return _structure_writer(shape)
        case "list":
            write = _writer(shape.member)
            return lambda value: [write(one) for one in value]
        case "map":
            write = _writer(shape.value)
            return lambda value: {str(key): write(one) for key, one in value.items()}
        case "timestamp":
            return _in_seconds
        case "string":
            return str
    return _as_it_is


def _structure_writer(shape: Any) -> _Writer:
    members = [(name, _writer(member)) for name, member in shape.members.items()]

    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: write_member(found)
            for name, write_member in members
            if (found := value.get(name)) is not None
        }

    return write


def _in_seconds(moment: int) -> float:
    return moment / SECOND


def _as_it_is(value: Any) -> Any:
    return value
