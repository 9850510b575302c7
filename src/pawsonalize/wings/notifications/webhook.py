"""Notifications as signed POST requests, by the Standard Webhooks scheme."""

import base64
import hmac
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pawsonalize.domain.errors import InvalidInput, NotDelivered
from pawsonalize.domain.notifications import Notification
from pawsonalize.domain.times import SECOND
from pawsonalize.wings.notifications.message import as_json

_TIMEOUT_SECONDS = 10
_SHORTEST_KEY = 24


class _NoRedirects(HTTPRedirectHandler):
    """A signed body goes to the address that was set, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse: the answer then counts as an error."""


class WebhookNotifier:
    """`Notifier` that posts JSON to a URL; any 2xx answer means it was taken."""

    def __init__(self, url: str, secret: str, now: Callable[[], int]) -> None:
        """Sign with the base64 `secret` (`whsec_` before it is allowed) and the time of `now`."""
        self._url = url
        self._host = _host(url)
        self._key = _key(secret)
        self._now = now
        self._opener = build_opener(_NoRedirects)

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        body = as_json(notification)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "pawsonalize",
            **signature(self._key, notification.notification_id, self._now() // SECOND, body),
        }
        request = Request(self._url, body, headers, method="POST")  # noqa: S310 - http(s) only
        try:
            self._opener.open(request, timeout=_TIMEOUT_SECONDS).close()
        except HTTPError as answer:
            answer.close()
            moved = ": set notify_webhook_url to the address it leads to"
            raise NotDelivered(
                f"{self._host} answered {answer.code} {answer.reason}"
                + (moved if 300 <= answer.code < 400 else "")
            ) from answer
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)  # urllib wraps it
            raise NotDelivered(f"{self._host} did not answer ({reason})") from error


def signature(key: bytes, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The three headers that prove who sent this body, and when."""
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{digest}",
    }


def _host(url: str) -> str:
    with suppress(ValueError):
        parsed = urlsplit(url)
        port = f":{parsed.port}" if parsed.port else ""
        if parsed.scheme in ("http", "https") and parsed.hostname and not parsed.username:
            return parsed.hostname + port
    # Without the URL: part of it may be a secret.
    raise InvalidInput(
        "notify_webhook_url must be https://host/path, without a user or password",
        field="notify_webhook_url",
    )


def _key(secret: str) -> bytes:
    with suppress(ValueError):
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        if len(key) >= _SHORTEST_KEY:
            return key
    raise InvalidInput(
        f"notify_webhook_secret must be base64 of at least {_SHORTEST_KEY} random bytes: make one"
        " with `openssl rand -base64 32`",
        field="notify_webhook_secret",
    )
