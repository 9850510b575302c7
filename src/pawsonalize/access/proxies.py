"""Proxies in front of the service, and which of them are believed."""

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

log = structlog.get_logger()

_HEADER = b"x-forwarded-for"


class TrustedProxies(ProxyHeadersMiddleware):
    """ASGI middleware: the caller is whom a trusted proxy names, else whoever connects.

    Of the addresses in X-Forwarded-For the last counts that is no trusted proxy's.
    """

    def __init__(self, app: ASGIApp, networks: list[str]) -> None:
        super().__init__(app, networks)  # type: ignore[arg-type]
        self._has_warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Pass the request on as that of its caller."""
        peer = (scope.get("client") or ("",))[0]
        if not self._has_warned and peer not in self.trusted_hosts and _is_forwarded(scope):
            self._has_warned = True
            log.warning(
                "X-Forwarded-For is not believed: all that comes through that proxy counts as of"
                " one address. If it is yours, name it in the setting trusted_proxies",
                address=peer,
            )
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]


def _is_forwarded(scope: Scope) -> bool:
    return any(name == _HEADER for name, _ in scope.get("headers", ()))
