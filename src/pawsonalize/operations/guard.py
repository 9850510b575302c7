"""Checks of every request, at any door: proxies, host names, foreign pages, headers; the audit."""

from http import HTTPStatus

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pawsonalize.core.database.journal import AuditEntry, AuditLog
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.logs import get_logger
from pawsonalize.operations.admission import (
    VISITOR_HEADER,
    Admission,
    foreign_origin,
    is_of_this_machine,
    key_for,
)

log = get_logger()

ANYBODY_CALLED = "anybody"
"""Name of the caller in the audit log where no key is needed."""


async def note(audit: AuditLog, entry: AuditEntry) -> None:
    """Note what is done by now: where that fails, the log of the server has it."""
    try:
        await run_in_threadpool(audit.add, entry)
    except PawsonalizeError as error:
        names = {"who": entry.who, "what": entry.what, "target": entry.target}
        log.error("not in the audit log", **names, reason=error.message)


NATIVE = "/v1/"
"""The paths where pages of other sites may call, with a key that names them."""
_SAFE = frozenset({"GET", "HEAD"})
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, {VISITOR_HEADER}",
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "X-Recommendation-Id, Pawsonalize-Ask, Pawsonalize-Unknown-Fields, Retry-After"
_YEAR_SECONDS = 365 * 24 * 3600
_DATA = {  # pages say for themselves what they may load
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class TrustedProxies(ProxyHeadersMiddleware):
    """ASGI middleware: the caller is whom a trusted proxy names, else whoever connects.

    Of the addresses in X-Forwarded-For the last counts that is no trusted proxy's.
    """

    _has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Pass the request on as that of its caller."""
        peer = (scope.get("client") or ("",))[0]
        is_forwarded = any(name == b"x-forwarded-for" for name, _ in scope.get("headers", ()))
        if is_forwarded and not self._has_warned and peer not in self.trusted_hosts:
            self._has_warned = True
            log.warning(
                "X-Forwarded-For is not believed: all that comes through that proxy counts as of"
                " one address. If it is yours, name it in the setting trusted_proxies",
                address=peer,
            )
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]


class Guard:
    """ASGI middleware; it finds the `Admission` in `app.state.admission`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        admission: Admission = scope["app"].state.admission
        headers = Headers(scope=scope)
        origin = foreign_origin(headers, admission.names)
        app: ASGIApp = _refusal(scope, headers, origin, admission) or self._app
        reader = None
        if origin is not None and scope["path"].startswith(NATIVE):
            is_known = origin in await run_in_threadpool(admission.known_origins)
            reader = origin if is_known else None
            if scope["method"] == "OPTIONS":
                app = _preflight(origin, is_known=is_known)
        await app(scope, receive, _with_headers(send, scope, reader))


def _preflight(origin: str, *, is_known: bool) -> Response:
    """Answer a browser that asks for the origin's pages; it shows why not with the failed call."""
    if is_known:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)
    return _refused("foreign_origin", f"no key names the origin {origin[:200]}: {key_for(origin)}")


def _refusal(
    scope: Scope, headers: Headers, origin: str | None, admission: Admission
) -> Response | None:
    """Return why the request is refused, None if it is not."""
    host = headers.get("host")
    # Where everybody needs a key a page elsewhere has none, whatever name it gives us.
    if host and not admission.required and not is_of_this_machine(host, admission.names):
        return _refused(
            "foreign_host",
            f"this service is not called {host[:200]}: if it is, name it in the setting"
            " allowed_hosts",
        )
    if origin is None or scope["method"] in _SAFE or scope["path"].startswith(NATIVE):
        return None  # the native API asks for a key that names the origin
    return _refused("foreign_origin", "a page of another site may not do this")


def _refused(code: str, message: str) -> Response:
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Response(body, HTTPStatus.FORBIDDEN, media_type="application/json")


def _with_headers(send: Send, scope: Scope, reader: str | None) -> Send:
    """Say how browsers have to treat the answer, and which foreign origin's pages may read it."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            if headers.get("content-type") == "application/json":
                for name, value in _DATA.items():
                    headers.setdefault(name, value)
            if scope["scheme"] == "https":
                headers["Strict-Transport-Security"] = f"max-age={_YEAR_SECONDS}"
            if reader is not None:
                headers["Access-Control-Allow-Origin"] = reader
                headers["Access-Control-Expose-Headers"] = _EXPOSED
                headers.add_vary_header("Origin")
        await send(message)

    return answer
