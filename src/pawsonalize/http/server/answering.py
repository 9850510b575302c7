"""ASGI middleware that says that somebody waits for what a request does."""

from starlette.types import ASGIApp, Receive, Scope, Send

from pawsonalize.storage.answering import answering


class InTime:
    """Requests, and the threads that they use, do not wait for a database that froze."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; each has a context of its own, so nothing is to be undone."""
        if scope["type"] == "http":
            answering.set(True)
        await self._app(scope, receive, send)
