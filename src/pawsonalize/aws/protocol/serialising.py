"""Values to response bodies, by the shape of an operation's output.

Of a mapping the members that its shape has are taken, those that are None left out. Moments are
milliseconds since 1970 and become epoch seconds.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from pawsonalize.domain.times import SECOND

_ENCODER = msgspec.json.Encoder()


def serialise(shape: Any, value: Mapping[str, Any] | None) -> bytes:
    """The body of an answer; empty where the operation answers nothing."""
    return b"" if shape is None else _ENCODER.encode(_value(shape, value or {}))


def _value(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return {
            name: _value(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [_value(shape.member, one) for one in value]
    if kind == "map":
        return {str(key): _value(shape.value, one) for key, one in value.items()}
    if kind == "timestamp":
        return value / SECOND
    if kind == "string":
        return str(value)
    return value
