"""Notifiers, the ways to tell people what happened: log, e-mail, webhook and Amazon SNS."""

import base64
import hmac
import re
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import BaseHandler, HTTPRedirectHandler, Request, build_opener

import msgspec

from pawsonalize.core.errors import InvalidInput, NotDelivered, needing
from pawsonalize.core.logs import get_logger
from pawsonalize.core.notifications import Notification
from pawsonalize.core.times import SECOND, iso
from pawsonalize.core.work.problems import log_notification

_TIMEOUT_SECONDS = 10
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_SHORTEST_KEY = 24
_TOPIC = re.compile(r"arn:[^:]+:sns:([^:]+):\d+:[\w.-]+", re.ASCII)
_LONGEST_SUBJECT = 99  # Amazon SNS takes fewer than 100 characters of ASCII

log = get_logger()


class Notifier(Protocol):
    """One way to reach people."""

    def send(self, notification: Notification) -> None:
        """Hand the notification over; returns when the other side has taken it.

        NotDelivered if it was not taken, within a minute and with the reason, which holds no
        secret. The same notification may be sent twice; its id is then the same.
        """
        ...


class LogNotifier:
    """`Notifier` that writes one log line."""

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        log_notification(notification)


def _as_json(notification: Notification) -> bytes:
    return msgspec.json.encode(
        {
            "id": notification.notification_id,
            "kind": notification.kind,
            "runId": notification.run_id,
            "subject": notification.subject,
            "text": notification.text,
            "details": dict(notification.details),
            "happenedAt": notification.happened_at,
        }
    )


def as_text(notification: Notification) -> str:
    """Return the text, the details below it, and the run that it is about."""
    if notification.html or notification.mail:
        return notification.mail or notification.text
    details = notification.details.items()
    lines = [f"{name}: {_cell(value)}" for name, value in details if not _is_table(value)]
    parts = [notification.text, *(["\n".join(lines)] if lines else [])]
    parts += [f"{name}\n{_table(value)}" for name, value in details if _is_table(value)]
    about = "" if notification.run_id is None else f" in run {notification.run_id}"
    parts.append(f"{notification.kind}{about} at {iso(notification.happened_at)}")
    return "\n\n".join(parts) + "\n"


def _headline(notification: Notification) -> str:
    words = " ".join(notification.subject.split())
    # A visitor wrote to a shelter, and knows no Pawsonalize.
    sender = "" if notification.recipient else "Pawsonalize: "
    return sender + "".join(letter for letter in words if letter.isprintable())


def _is_table(value: object) -> bool:
    rows = value if isinstance(value, list | tuple) else ()
    return bool(rows) and all(isinstance(row, Mapping) for row in rows)


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows below a line of column names, each column as wide as its widest cell."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ([cell.ljust(widths[place]) for place, cell in enumerate(line)] for line in cells)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class SmtpNotifier:
    """`Notifier` that sends one message to all recipients."""

    def __init__(self, url: str, sender: str, recipients: Sequence[str]) -> None:
        """Use the server of `url`: `smtps://user:password@host`, `smtp+starttls://…`, `smtp://…`.

        `smtps` encrypts from the start, `smtp+starttls` before anything is said, and `smtp` not
        at all, which is for a server on the same machine: it takes no password.
        """
        if not recipients or not sender:
            raise InvalidInput(
                "e-mail needs somebody to write to and from: set notify_email_to and"
                " notify_email_from",
                field="notify_email_to",
            )
        self._sender = sender
        self._recipients = tuple(recipients)
        server = _parse_smtp_url(url)
        self._scheme = server.scheme
        self._host = server.hostname or ""
        self._port = server.port or _PORTS[server.scheme]
        self._login = (unquote(server.username or ""), unquote(server.password or ""))
        if self._scheme == "smtp" and any(self._login):
            raise InvalidInput(
                "notify_smtp_url would send its password unencrypted: write smtps:// or"
                " smtp+starttls://",
                field="notify_smtp_url",
            )

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        try:
            with self._connect() as server:
                refused = server.send_message(self._message(notification))
        except OSError as error:  # smtplib's own errors are of this kind
            # The reason is kept and logged, so it must not name a visitor's address.
            reason, reader = str(error), re.escape(notification.recipient)
            if reader:
                reason = re.sub(reader, "the reader", reason, flags=re.IGNORECASE)
            raise NotDelivered(
                f"the mail server {self._host}:{self._port} did not take it ({reason})"
            ) from error
        if refused:  # the others have it, and would have it again with each attempt
            log.warning("recipients refused", refused=len(refused), of=len(self._recipients))

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            if self._scheme == "smtp+starttls":
                server.starttls(context=context)
            if any(self._login):
                server.login(*self._login)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, notification: Notification) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = _headline(notification)
        message["From"] = self._sender
        message["To"] = notification.recipient or ", ".join(self._recipients)
        if notification.reply_to:
            message["Reply-To"] = notification.reply_to
        if notification.unsubscribe:
            message["List-Unsubscribe"] = f"<{notification.unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Date"] = formatdate(notification.happened_at / SECOND)
        # The same for each attempt, so that a mail reader may drop the second; no colon in it.
        name = notification.notification_id.replace(":", ".")
        message["Message-ID"] = f"<{name}@pawsonalize.invalid>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(as_text(notification))
        if notification.html:
            message.add_alternative(notification.html, subtype="html")
        return message


def _parse_smtp_url(url: str) -> SplitResult:
    with suppress(ValueError):
        parsed = urlsplit(url)
        known = parsed.scheme in _PORTS and parsed.hostname and parsed.port != 0
        if known and unquote(parsed.netloc).isascii():  # smtplib cannot send any other password
            return parsed
    # Neither the URL nor what is wrong with it: both may show the password.
    raise InvalidInput(
        "notify_smtp_url must be smtps://user:password@host, smtp+starttls://… or smtp://host, in"
        " ASCII and with special characters of the password percent-encoded",
        field="notify_smtp_url",
    )


class _NoRedirects(HTTPRedirectHandler):
    """A signed body goes to the address that was set, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """Refuse: the answer then counts as an error."""


class WebhookNotifier:
    """`Notifier` that posts JSON to a URL; any 2xx answer means it was taken."""

    def __init__(
        self,
        url: str,
        secret: str,
        now: Callable[[], int],
        named: str = "notify_webhook_url",
        handlers: Sequence[BaseHandler] = (),
    ) -> None:
        """Sign with the base64 `secret` (`whsec_` before it is allowed) and the time of `now`.

        Errors call the address as it is `named`; `handlers` are urllib's.
        """
        self._url = url
        self._host = _webhook_host(url, named)
        self._key = _webhook_key(secret)
        self._now = now
        self._moved = f": set {named} to the address it leads to"
        self._opener = build_opener(_NoRedirects, *handlers)

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        body = _as_json(notification)
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
            raise NotDelivered(
                f"{self._host} answered {answer.code} {answer.reason}"
                + (self._moved if 300 <= answer.code < 400 else "")
            ) from answer
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)  # urllib wraps it
            raise NotDelivered(f"{self._host} did not answer ({reason})") from error


def signature(key: bytes, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the three headers that prove who sent this body, and when."""
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{digest}",
    }


def _webhook_host(url: str, named: str) -> str:
    with suppress(ValueError):
        parsed = urlsplit(url)
        port = f":{parsed.port}" if parsed.port else ""
        if parsed.scheme in ("http", "https") and parsed.hostname and not parsed.username:
            return parsed.hostname + port
    # Without the URL: part of it may be a secret.
    raise InvalidInput(
        f"{named} must be https://host/path, without a user or password",
        field="notify_webhook_url",
    )


def _webhook_key(secret: str) -> bytes:
    with suppress(ValueError):
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        if len(key) >= _SHORTEST_KEY:
            return key
    raise InvalidInput(
        f"notify_webhook_secret must be base64 of at least {_SHORTEST_KEY} random bytes: make one"
        " with `openssl rand -base64 32`",
        field="notify_webhook_secret",
    )


class SnsNotifier:
    """`Notifier` that publishes: plain text for mail and phones, JSON for programs.

    The attribute `kind` lets a subscription filter. Credentials come from the environment, as
    for any tool of that cloud.
    """

    def __init__(self, topic: str) -> None:
        """Publish to `arn:aws:sns:region:account:name`; needs the extra `aws`."""
        named = _TOPIC.fullmatch(topic)
        if named is None:
            raise InvalidInput(
                "notify_sns_topic must look like arn:aws:sns:eu-west-1:123456789012:name",
                field="notify_sns_topic",
            )
        self._topic = topic
        self._client, self._errors = _connect_sns(named[1])

    def send(self, notification: Notification) -> None:
        """See `Notifier.send`."""
        short = f"{_headline(notification)}\n{notification.text}"
        forms = {
            "default": _as_json(notification).decode(),
            "email": as_text(notification),
            "sms": short,
            "application": short,
        }
        kind = {"DataType": "String", "StringValue": notification.kind.value}
        subject = _headline(notification).encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]
        try:
            self._client.publish(
                TopicArn=self._topic,
                Subject=subject,
                Message=msgspec.json.encode(forms).decode(),
                MessageStructure="json",
                MessageAttributes={"kind": kind},
            )
        except self._errors as error:
            raise NotDelivered(f"Amazon SNS did not take it ({error})") from error


def _connect_sns(region: str) -> tuple[Any, tuple[type[Exception], ...]]:
    with needing("aws", "notify_sns_topic needs the AWS SDK", "notify_sns_topic"):
        import boto3  # noqa: PLC0415 - an extra, and slow to import
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    once = Config(  # the outbox tries again, and knows when
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    )
    return boto3.client("sns", region_name=region, config=once), (BotoCoreError, ClientError)
