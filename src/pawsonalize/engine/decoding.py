"""Typed decoding of JSON whose errors name the field, used wherever input comes in."""

import re
from typing import TypeVar

import msgspec
from msgspec import Raw

from pawsonalize.domain.errors import InvalidInput

T = TypeVar("T")

_PATH = re.compile(r"^(?P<what>.*) - at `\$\.?(?P<path>[^`]*)`$", re.DOTALL)
_MISSING = re.compile(r"missing required field `([^`]+)`")


def decode(decoder: msgspec.json.Decoder[T], body: bytes | Raw) -> T:
    """Decode JSON into the decoder's type; InvalidInput names the field that does not fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"this is not JSON in UTF-8: {error}", code="invalid_json") from error


def _explained(text: str) -> InvalidInput:
    match = _PATH.match(text)
    what, path = (match["what"], match["path"]) if match else (text, "")
    missing = _MISSING.search(what)
    if missing is None:
        return InvalidInput(f"{path}: {what}" if path else what, field=path or None)
    field = f"{path}.{missing[1]}" if path else missing[1]
    return InvalidInput(f"{field} is missing: send it", field=field)
