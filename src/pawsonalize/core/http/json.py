"""Request bodies and parameters in, bounded and checked; JSON out."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.core.errors import InvalidInput, WrongMediaType
from pawsonalize.core.forms.decoder import UnknownFields, decode, read_bounded
from pawsonalize.core.limits import parse_id
from pawsonalize.core.times import iso

StructT = TypeVar("StructT", bound=msgspec.Struct)

_ENCODER = msgspec.json.Encoder()
_FLAGS = {"true": True, "false": False}


def filled(given: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a form that were not left empty."""
    return {name: value for name, value in given.items() if value.strip()}


def read_text(given: Mapping[str, str], name: str) -> str | None:
    """Return a parameter that is an id, None if it is left out; InvalidInput if it is none."""
    return parse_id(given[name], name) if name in given else None


def read_count(given: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    """Return a whole number, `usual` if left out; InvalidInput outside `least` to `most`."""
    text = given.get(name, str(usual))
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not is_number or not least <= int(text) <= most:
        raise InvalidInput(
            f"{name} must be a whole number from {least:,} to {most:,}, not {text[:50]!r}",
            field=name,
        )
    return int(text)


def read_flag(given: Mapping[str, str], name: str) -> bool:
    """True if a parameter is `true`; InvalidInput for any other word but `false`."""
    word = given.get(name, "false")
    if word not in _FLAGS:
        raise InvalidInput(f"{name} must be true or false", field=name)
    return _FLAGS[word]


async def read_body(request: Request, most: int | None = None) -> bytes:
    """Return the whole body; InputTooLarge above `most` bytes, or above the service's limit."""
    # The body is read once, by `checked`, before the request takes a slot of its dataset group: a
    # client that sends it slowly keeps nobody else waiting.
    state = request.state
    if not hasattr(state, "body"):
        limit = request.app.state.services.max_body_bytes if most is None else most
        state.body = await read_bounded(request.stream(), limit)
    body: bytes = state.body
    return body


def check_media_type(request: Request) -> None:
    """Refuse a body that is not declared as JSON."""
    # A page of another site can send such a body without permission; JSON it cannot.
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    given = headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    # Some kinds of JSON have names of their own, as `application/cloudevents+json`.
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        found = f"not {given[:100]}" if given else "and say so"
        raise WrongMediaType(f"send the body as Content-Type: application/json, {found}")


async def read_form(request: Request, form: type[StructT]) -> StructT:
    """Return the body as a form of this type; InvalidInput names a bad or misspelt field."""
    body = await read_body(request)
    if not body.strip():
        raise InvalidInput("the body is empty: send a JSON object, at least {}")
    content: StructT = decode(_decoder_of(form), body, unknown_of(request))
    return content


@cache
def _decoder_of(form: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(form)


def unknown_of(request: Request) -> UnknownFields:
    """Return the unknown fields noted for this request, which a header of the answer names."""
    noted: UnknownFields = request.state.unknown_fields
    return noted


def read_limit(given: str | None, default: int, field: str = "limit") -> int:
    """Return a parameter that is a whole number, `default` without one; or InvalidInput."""
    if given is None:
        return default
    # Python takes long to read a number of very many digits, and no limit has ten.
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise InvalidInput(
            f"{field} must be a whole number, such as {default}: it is {given[:40]!r}", field=field
        )
    return int(given)


def report_of(kind: type[StructT], source: object, /, **more: object) -> StructT:
    """Return a struct of `more` and a source's fields of the same names; moments as ISO 8601."""
    for name in kind.__struct_fields__:
        if name not in more:
            value = getattr(source, name)
            is_moment = name.endswith(("_at", "as_of")) and isinstance(value, int)
            more[name] = iso(value) if is_moment else value
    return kind(**more)


def json_response(
    content: object, status: int = 200, *, headers: dict[str, str] | None = None
) -> Response:
    """Return a JSON answer."""
    return Response(_ENCODER.encode(content), status, headers, media_type="application/json")
