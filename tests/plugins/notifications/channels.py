"""Each notifier with the other side of it, and what arrived there."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from pawsonalize.plugins.notifications.notifiers import (
    LogNotifier,
    Notifier,
    SmtpNotifier,
    SnsNotifier,
    WebhookNotifier,
)
from tests.plugins.notifications.receivers import (
    PASSWORD,
    SECRET,
    MailServer,
    Topic,
    WebServer,
    mail_server,
    web_server,
)

T0 = 1_795_533_300_000


@dataclass(frozen=True)
class Arrived:
    """What the other side sees of a notification; `whole` is all of it as one text."""

    news_id: str
    subject: str
    whole: str


class Channel(Protocol):
    @property
    def notifier(self) -> Notifier: ...

    def arrived(self) -> list[Arrived]: ...


class LogLines:
    def __init__(self, lines: list[Any]) -> None:
        self.notifier = LogNotifier()
        self._lines = lines

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(line["notification_id"], line["event"], json.dumps(line, ensure_ascii=False))
            for line in self._lines
        ]


class Mails:
    def __init__(self, server: MailServer, scheme: str) -> None:
        login = "" if scheme == "smtp" else f"ann:{quote(PASSWORD, safe='')}@"
        self.notifier = SmtpNotifier(
            f"{scheme}://{login}127.0.0.1:{server.port}", "paw@x.example", ["a@x.example"]
        )
        self._server = server

    def arrived(self) -> list[Arrived]:
        return [
            Arrived(
                mail["Message-ID"].removesuffix("@pawsonalize.invalid>")[1:].replace(".", ":"),
                mail["Subject"],
                mail.get_content(),
            )
            for mail in self._server.mails
        ]


def _from_json(body: str) -> Arrived:
    news = json.loads(body)
    return Arrived(news["id"], news["subject"], json.dumps(news, ensure_ascii=False))


class Posts:
    def __init__(self, server: WebServer) -> None:
        self.notifier = WebhookNotifier(server.url, SECRET, lambda: T0)
        self._server = server

    def arrived(self) -> list[Arrived]:
        return [_from_json(post.body.decode()) for post in self._server.posts]


class Messages:
    def __init__(self) -> None:
        self._topic = Topic()
        self.notifier = SnsNotifier(self._topic.name)

    def arrived(self) -> list[Arrived]:
        return [_from_json(message["Message"]) for message in self._topic.messages()]


@contextmanager
def channel(kind: str, tls: ssl.SSLContext) -> Iterator[Channel]:
    """`sns` needs a server of AWS's in the environment, the encrypted kinds trust in `tls`."""
    match kind:
        case "log":
            with structlog.testing.capture_logs() as lines:
                yield LogLines(lines)
        case "smtp":
            with mail_server() as server:
                yield Mails(server, kind)
        case "smtps" | "smtp+starttls":
            with mail_server(tls=tls, starttls=kind != "smtps") as server:
                yield Mails(server, kind)
        case "webhook":
            with web_server() as receiver:
                yield Posts(receiver)
        case "sns":
            yield Messages()
