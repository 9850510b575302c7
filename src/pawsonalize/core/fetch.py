"""Fetch one address by HTTP: conditionally, within limits, and without giving secrets away."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import msgspec

from pawsonalize.core.errors import InvalidInput, NotFetched
from pawsonalize.core.times import SECOND

MAX_BYTES = 256 << 20
SILENCE_SECONDS = 20.0
TOTAL_SECONDS = 300.0
_CHUNK = 1 << 16
_NOT_MODIFIED = 304
PORTS = {"http": 80, "https": 443}


# Headers go to the origin they were meant for alone; redirects lead to http and https only. No
# message has more of an address than host and path, since the rest may be a password.
class Validators(msgspec.Struct, frozen=True):
    """ETag and Last-Modified of an answer; the next request asks for a newer one only."""

    etag: str = ""
    modified: str = ""


class Fetched(msgspec.Struct, frozen=True):
    """The content of an answer, and what its headers say of it."""

    content: bytes
    url: str
    """Address that the content came from, after redirects."""
    validators: Validators = Validators()
    modified_at: int | None = None
    """When the content last changed, in milliseconds, if the server says so."""
    headers: Message = msgspec.field(default_factory=Message)


class Limits(msgspec.Struct, frozen=True):
    """Limits for one fetch: bytes of the body, seconds of silence, seconds of the answer."""

    size: int = MAX_BYTES
    silence: float = SILENCE_SECONDS
    total: float = TOTAL_SECONDS


_UNKNOWN = Validators()
_LIMITS = Limits()


def fetch(
    url: str,
    headers: Mapping[str, str],
    known: Validators = _UNKNOWN,
    limits: Limits = _LIMITS,
    stopped: Callable[[], bool] = lambda: False,
    check: Callable[[str], None] | None = None,
    body: bytes | None = None,
) -> Fetched | None:
    """Fetch an address; None if it has not changed since `known`. InvalidInput or NotFetched.

    A `body` is sent by POST. `check` raises InvalidInput for addresses that are not to be asked,
    also those of redirects.
    """
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    try:
        method = "GET" if body is None else "POST"
        given = {**headers, **conditions}
        with _answer(url, given, limits.silence, check, body, method) as answer:
            content = _read(answer, safe_address(url), limits, stopped)
            return Fetched(content, answer.url, *_version(answer.headers), answer.headers)
    except NotFetched as error:
        if isinstance(error.__cause__, HTTPError) and error.__cause__.code == _NOT_MODIFIED:
            return None
        raise


def ask_headers(
    url: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    check: Callable[[str], None] | None = None,
) -> tuple[int, Message]:
    """Ask by any method, and return status and headers of the answer; status 0 without one."""
    try:
        with _answer(url, headers, SILENCE_SECONDS, check, body, method) as answer:
            return answer.status, answer.headers
    except NotFetched as error:
        if isinstance(answered := error.__cause__, HTTPError):
            return answered.code, answered.headers
        return 0, Message()


@contextmanager
def _answer(
    url: str,
    headers: Mapping[str, str],
    silence: float,
    check: Callable[[str], None] | None,
    body: bytes | None = None,
    method: str = "GET",
) -> Iterator[Any]:
    check = check or check_url
    check(url)
    where = safe_address(url)
    always = {"User-Agent": "pawsonalize", "Accept-Encoding": "gzip"}
    request = Request(url, body, always, method=method)  # noqa: S310 - checked
    for name, value in headers.items():
        if value:
            request.add_unredirected_header(name, value)
    try:
        with _opener(check).open(request, timeout=silence) as answer:
            yield answer
    except HTTPError as error:
        error.close()
        raise NotFetched(f"{where} answered {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error) or type(error).__name__
        raise NotFetched(f"{where} did not answer ({reason})") from error


def check_url(url: str) -> None:
    """InvalidInput unless the URL is http or https, with a host and without user or password."""
    with suppress(ValueError):
        parsed = urlsplit(url)
        is_web = parsed.scheme in {"http", "https"} and parsed.port != 0  # ValueError for 99999
        if is_web and parsed.hostname and not parsed.username:
            return
    raise InvalidInput(
        "the address must be https://host/path, without a user or password: those go into a header",
        field="url",
    )


def safe_address(url: str) -> str:
    """The address without user, password and query, fit for messages."""
    return f"{origin_of(url)}{urlsplit(url).path}"


def origin_of(url: str) -> str:
    """Return the origin of an address, as browsers send it."""
    parts = urlsplit(url)
    port = "" if parts.port in {None, PORTS.get(parts.scheme)} else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


class _Redirects(HTTPRedirectHandler):
    """Follows five redirects at most, each checked, with the headers for one origin alone."""

    max_redirections = 5

    def __init__(self, check: Callable[[str], None]) -> None:
        self._check = check

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        self._check(newurl)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        # Another origin gets no header, as one may be a secret.
        if new is not None and origin_of(req.full_url) == origin_of(newurl):
            for name, value in req.unredirected_hdrs.items():
                new.add_unredirected_header(name, value)
        return new


def _opener(check: Callable[[str], None]) -> OpenerDirector:
    # No more than HTTP: the usual opener of urllib opens files as well.
    opener = OpenerDirector()
    errors = (HTTPDefaultErrorHandler, HTTPErrorProcessor)
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, *errors):
        opener.add_handler(handler())
    opener.add_handler(_Redirects(check))
    return opener


def _read(answer: Any, where: str, limits: Limits, stopped: Callable[[], bool]) -> bytes:
    header = answer.headers.get("Content-Length", "")
    length = int(header) if header.isdecimal() else None
    deadline = time.monotonic() + limits.total
    content = bytearray()
    while len(content) <= limits.size and (length is None or length <= limits.size):
        if stopped():
            raise NotFetched(f"{where} was left alone: the server stops")
        if time.monotonic() > deadline:
            raise NotFetched(f"{where} took longer than {limits.total:g} seconds")
        chunk = answer.read1(_CHUNK)
        if chunk:
            content += chunk
            continue
        if length is not None and len(content) < length:
            raise NotFetched(f"{where} was cut short: {len(content):,} of {length:,} bytes came")
        return bytes(content)
    raise NotFetched(f"{where} has more than {limits.size >> 20} MB")


def _version(headers: HTTPMessage) -> tuple[Validators, int | None]:
    modified = headers.get("Last-Modified", "")
    at = None
    with suppress(ValueError, TypeError, OverflowError):
        at = round(parsedate_to_datetime(modified).timestamp() * SECOND)
    return Validators(headers.get("ETag", ""), modified), at
