"""What botocore's models demand of a value: members, lengths, ranges, patterns and enums.

Every breach is found and named in one message, worded as AWS words it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pawsonalize.aws.protocol.errors import INVALID_INPUT, AwsError

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


def check(shape: Any, value: Mapping[str, Any]) -> None:
    """InvalidInputException that names every breach of the shape, if there are any."""
    breaches = [] if shape is None else list(_of_structure(shape, value, ""))
    if breaches:
        noun = "validation error" if len(breaches) == 1 else "validation errors"
        shown = "; ".join(breaches[:_MAX_BREACHES])
        raise AwsError(INVALID_INPUT, f"{len(breaches)} {noun} detected: {shown}")


def _of_structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield _breach(None, _joined(path, name), "Member must not be null")
    for name, member in value.items():
        yield from _of(shape.members[name], member, _joined(path, name))


def _of(shape: Any, value: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        yield from _of_structure(shape, value, path)
        return
    if kind == "string":
        yield from _of_text(shape, value, path)
    elif kind == "list":
        yield from _of_length(shape.metadata, len(value), None, path)
        for place, one in enumerate(value, 1):
            yield from _of(shape.member, one, f"{path}.{place}.member")
    elif kind == "map":
        yield from _of_length(shape.metadata, len(value), None, path)
        for key, one in value.items():
            yield from _of(shape.key, key, f"{path}.key")
            yield from _of(shape.value, one, f"{path}.{key}.member")
    elif kind in {"integer", "long", "float", "double"}:
        yield from _of_range(shape.metadata, value, path)


def _of_length(
    limits: Mapping[str, Any], length: int, shown: str | None, path: str
) -> Iterator[str]:
    if length < limits.get("min", 0):
        bound = f"greater than or equal to {limits['min']}"
    elif length > limits.get("max", length):
        bound = f"less than or equal to {limits['max']}"
    else:
        return
    yield _breach(shown, path, f"Member must have length {bound}")


def _of_text(shape: Any, value: str, path: str) -> Iterator[str]:
    shown = None if shape.metadata.get("sensitive") else value
    breached = list(_of_length(shape.metadata, len(value), shown, path))
    if breached:  # some patterns take too long on too long a text
        yield from breached
        return
    pattern = _PATTERNS.get(shape.name, shape.metadata.get("pattern"))
    if pattern is not None and not _compiled(pattern).fullmatch(value):
        rule = f"Member must satisfy regular expression pattern: {pattern}"
        yield _breach(shown, path, rule)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _breach(shown, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]")


def _of_range(limits: Mapping[str, Any], value: float, path: str) -> Iterator[str]:
    if value < limits.get("min", value):
        bound = f"greater than or equal to {limits['min']}"
        yield _breach(value, path, f"Member must have value {bound}")
    if value > limits.get("max", value):
        bound = f"less than or equal to {limits['max']}"
        yield _breach(value, path, f"Member must have value {bound}")


def _breach(value: Any, path: str, rule: str) -> str:
    """One sentence of the message; what is long or sensitive is not repeated."""
    shown = "" if value is None or len(str(value)) > _MAX_SHOWN else f" '{value}'"
    return f"Value{shown} at '{path[:_MAX_SHOWN]}' failed to satisfy constraint: {rule}"


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as Python's; its digits are ASCII's alone, as they are in Java."""
    flags = re.NOFLAG if r"\p{L}" in pattern else re.ASCII
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern, flags)
