"""Notifications as e-mail, through any mail server."""

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import SplitResult, unquote, urlsplit

import structlog

from pawsonalize.domain.errors import InvalidInput, NotDelivered
from pawsonalize.domain.notifications import Notification
from pawsonalize.domain.times import SECOND
from pawsonalize.wings.notifications.message import as_text, headline

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_TIMEOUT_SECONDS = 10

log = structlog.get_logger()


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
        server = _parse(url)
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
            raise NotDelivered(
                f"the mail server {self._host}:{self._port} did not take it ({error})"
            ) from error
        if refused:  # the others have it, and would have it again with each attempt
            log.warning("recipients refused", refused=len(refused), of=len(self._recipients))

    def _connect(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host,
                self._port,
                timeout=_TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            if self._scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if any(self._login):
                server.login(*self._login)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, notification: Notification) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = headline(notification)
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = formatdate(notification.happened_at / SECOND)
        # The same for each attempt, so that a mail reader may drop the second; no colon in it.
        name = notification.notification_id.replace(":", ".")
        message["Message-ID"] = f"<{name}@pawsonalize.invalid>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(as_text(notification))
        return message


def _parse(url: str) -> SplitResult:
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
