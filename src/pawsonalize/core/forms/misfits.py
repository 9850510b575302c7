"""Errors of a form, in words that say what to write."""

import math
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec
import msgspec.inspect as mi
from msgspec import UNSET

from pawsonalize.core.errors import InvalidInput

# A step of a path in an error of msgspec, where `[...]` is any key of a map.
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


@cache
def shape_of(decoder: msgspec.json.Decoder[Any]) -> mi.Type:
    """The type of a decoder as data."""
    return mi.type_info(decoder.type)


def alternatives(shape: mi.Type) -> Iterator[mi.Type]:
    """Return the types that a value may have, without annotations and unions around them."""
    if isinstance(shape, mi.Metadata):
        yield from alternatives(shape.type)
    elif isinstance(shape, mi.UnionType):
        for one in shape.types:
            yield from alternatives(one)
    else:
        yield shape


def form_of(shape: mi.Type) -> mi.StructType | None:
    """The form that an object here must be, if it must be one."""
    return next((one for one in alternatives(shape) if isinstance(one, mi.StructType)), None)


def inside(shape: mi.Type) -> mi.Type | None:
    """Return the type of the entries of a list, or of the values of a map."""
    for one in alternatives(shape):
        if isinstance(one, mi.ListType):
            return one.item_type
        if isinstance(one, mi.DictType):
            return one.value_type
    return None


def _follow(
    shape: mi.Type, document: Any, path: str
) -> tuple[mi.Type, mi.Field | None, Any] | None:
    """The shape at the path, `.deny.animals[1]`, the field it is in, and the document's value.

    UNSET where the path names not exactly one value; None where it leads nowhere.
    """
    field = None
    for name, place in _STEP.findall(path):
        form = form_of(shape)
        fields = form.fields if name and form else ()
        field = next((one for one in fields if one.encode_name == name), None)
        found = inside(shape) if place else None if field is None else field.type
        if found is None:
            return None
        shape = found
        try:
            document = document[name or int(place)]
        except (LookupError, TypeError, ValueError):
            document = UNSET
    return shape, field, document


_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>[^`]*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `([^`]+)`")
_MAX_SHOWN = 40
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "{}"),  # before whole numbers, which it is to Python
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
    (type(None), "null"),
    (int, "{}"),
    (float, "{}"),
)


def explain_misfit(text: str, document: Any, shape: mi.Type) -> InvalidInput:
    """Say in our words what a decoding error of msgspec (`text`) found wrong in a document."""
    match = _PATH.match(text)
    what, path = (match["what"], match["path"]) if match else (text, "")
    field = path.removeprefix(".")
    missing = _MISSING.search(what)
    if missing is not None:
        field = f"{field}.{missing[1]}" if field else missing[1]
        return InvalidInput(f"{field} is missing: send it", field=field)
    if (found := _follow(shape, document, path)) is None:
        return InvalidInput(f"{field}: {what}" if field else what, field=field or None)
    message = f"{field or 'this'} must be {_wanted(*found[:2])}"
    if found[2] is not UNSET:
        message += f": it is {_shown(found[2])}"
    return InvalidInput(message, field=field or None)


def _wanted(shape: mi.Type, field: mi.Field | None) -> str:
    kinds = [one for one in alternatives(shape) if not isinstance(one, mi.NoneType)]
    # A whole number is a number anyway.
    if any(isinstance(one, mi.FloatType) for one in kinds):
        kinds = [one for one in kinds if not isinstance(one, mi.IntType)]
    words = list(dict.fromkeys(_kind(one) for one in kinds))
    only = kinds[0]
    if len(words) == 1 and isinstance(only, mi.IntType | mi.FloatType):
        return f"{words[0]}, such as {_example(only, field)}"
    return _either(words)


def _kind(shape: mi.Type) -> str:
    words = "JSON"
    match shape:
        case mi.IntType() | mi.FloatType():
            whole = "whole " if isinstance(shape, mi.IntType) else ""
            words = f"a {whole}number{_range(shape)}"
        case mi.StrType():
            words = "text" + _length(shape, "characters")
        case mi.BytesType():
            words = "bytes in base64"
        case mi.BoolType():
            words = "true or false"
        case mi.LiteralType(values):
            words = _either(map(str, values))
        case mi.EnumType(kind):
            words = _either(str(one.value) for one in kind)
        case mi.ListType():
            words = "a list" + _length(shape, "entries")
        case mi.StructType() | mi.DictType():
            words = "an object"
    return words


def _range(shape: mi.IntType | mi.FloatType) -> str:
    limits = [("above", shape.gt), ("below", shape.lt)]
    if shape.ge is not None and shape.le is not None:
        limits.append((f"from {shape.ge:g} to", shape.le))
    else:
        limits += [("of at least", shape.ge), ("of at most", shape.le)]
    return "".join(f" {words} {limit:g}" for words, limit in limits if limit is not None)


def _length(shape: mi.StrType | mi.ListType, of: str) -> str:
    low, high = shape.min_length, shape.max_length
    if low and high is not None:
        return f" of {low} to {high} {of}"
    if low:
        return f" of at least {low} {of}"
    return "" if high is None else f" of at most {high} {of}"


def _example(shape: mi.IntType | mi.FloatType, field: mi.Field | None) -> str:
    example = None if field is None else field.default
    if not isinstance(example, int | float) or isinstance(example, bool):
        low = -math.inf if shape.ge is None else shape.ge
        high = math.inf if shape.le is None else shape.le
        example = max(low, min(10, high))
    return f"{example:g}"


def _shown(value: Any) -> str:
    """The value in a few words; what is long is not repeated."""
    words = next((words for kind, words in _KINDS if isinstance(value, kind)), "something else")
    text = msgspec.json.encode(value).decode() if not isinstance(value, list | dict) else ""
    if isinstance(value, str):
        return f"{words}, {text}" if len(text) <= _MAX_SHOWN else words
    if isinstance(value, list):
        return f"{words} of {len(value)} entries" if value else "an empty list"
    return words.format(text if len(text) <= _MAX_SHOWN else "a long number")


def _either(words: Iterable[str]) -> str:
    *some, last = words
    return f"{', '.join(some)} or {last}" if some else last
