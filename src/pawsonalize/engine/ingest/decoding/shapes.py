"""The types of forms as data: what may stand at a place, and what the path of an error leads to."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import msgspec.inspect as mi

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class Unfollowed(Exception):
    """A path that leads nowhere, or to a value that it does not name."""


@cache
def shape_of(decoder: msgspec.json.Decoder[Any]) -> mi.Type:
    """The type of a decoder as data."""
    return mi.type_info(decoder.type)


def alternatives(shape: mi.Type) -> Iterator[mi.Type]:
    """What the shape may be, without the wrapping of annotations and unions."""
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
    """What the entries of a list, or the values of a map, must be."""
    for one in alternatives(shape):
        if isinstance(one, mi.ListType):
            return one.item_type
        if isinstance(one, mi.DictType):
            return one.value_type
    return None


def follow(shape: mi.Type, path: str) -> tuple[mi.Type, mi.Field | None]:
    """The shape at the path, `.deny.animals[1]`, and the field it is in; else Unfollowed."""
    field = None
    for name, place in _STEP.findall(path):
        if place:
            found = inside(shape)
            if found is None:
                raise Unfollowed(path)
            shape, field = found, None
            continue
        form = form_of(shape)
        field = (
            next((one for one in form.fields if one.encode_name == name), None) if form else None
        )
        if field is None:
            raise Unfollowed(path)
        shape = field.type
    return shape, field


def value_at(document: Any, path: str) -> Any:
    """What the document has at the path; Unfollowed where the path does not name one value."""
    for name, place in _STEP.findall(path):
        try:
            document = document[name if name else int(place)]
        except (LookupError, TypeError, ValueError) as error:
            raise Unfollowed(path) from error
    return document
