"""Bodies of requests and feeds: bounded, JSON, then typed forms."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from pawsonalize.domain.errors import InputTooLarge, InvalidInput
from pawsonalize.engine.ingest.decoding.misfits import explain_misfit, shape_of
from pawsonalize.engine.ingest.decoding.unknown_fields import UnknownFields, known_part


async def read_bounded(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    """The whole body; InputTooLarge as soon as it exceeds `limit` bytes."""
    parts = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise InputTooLarge(f"a request body may have {limit} bytes: send less at a time")
        parts.append(chunk)
    return b"".join(parts)


T = TypeVar("T")

_ANYTHING = msgspec.json.Decoder()
_ENCODE = msgspec.json.Encoder().encode
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_TOO_DEEP = "this JSON is nested too deeply: send a flatter document"


def decode(
    decoder: msgspec.json.Decoder[T], body: bytes | Raw, unknown: UnknownFields | None = None
) -> T:
    """Decode JSON into the decoder's type; InvalidInput names the field that does not fit.

    Unknown fields of a `Form` are left out and noted in `unknown`. A field that looks like a
    misspelt known one is refused.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        text = str(error)
    except _NOT_JSON as error:
        raise _no_json(error) from error
    # Look at every name only now, so that right input costs nothing.
    found = UnknownFields(unknown)
    known = known_part(read_json(body), shape_of(decoder), found)
    if unknown is not None:
        unknown.update(found)
    if found:
        try:
            return msgspec.convert(known, decoder.type)
        except msgspec.ValidationError as error:
            text = str(error)
    raise explain_misfit(text, known, shape_of(decoder))


def check_fields(
    decoder: msgspec.json.Decoder[Any], body: bytes | Raw, unknown: UnknownFields
) -> None:
    """Check the names alone: note unknown fields, refuse misspelt ones."""
    try:
        decoder.decode(body)
    except msgspec.ValidationError:
        known_part(read_json(body), shape_of(decoder), unknown)
    except _NOT_JSON as error:
        raise _no_json(error) from error


def read_json(text: bytes | str | Raw) -> Any:
    """Any JSON as plain values; InvalidInput if it is no JSON, or is nested too deeply."""
    try:
        return _ANYTHING.decode(text)
    except _NOT_JSON as error:
        raise _no_json(error) from error


def encode_text(value: object, field: str) -> str:
    """Plain values as JSON text; InvalidInput where they are nested too deeply."""
    try:
        return _ENCODE(value).decode()
    except RecursionError as error:
        raise InvalidInput(_TOO_DEEP, field=field, code="invalid_json") from error


def _no_json(error: Exception) -> InvalidInput:
    if isinstance(error, RecursionError):
        return InvalidInput(_TOO_DEEP, code="invalid_json")
    return InvalidInput(f"this is not JSON in UTF-8: {error}", code="invalid_json")
