"""The other sides, for real: a mail server, a web server, a topic with a queue."""

import asyncio
import email
import email.policy
import json
import ssl
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from pawsonalize.core.notifications import Notification, NotificationKind

SECRET = "whsec_" + "c2VjcmV0" * 6
PASSWORD = "p/a:s@s w#rd"

NEWS = Notification(
    notification_id="run-1:not-promoted",
    kind=NotificationKind.NOT_PROMOTED,
    subject="The live version stays",
    text="The new version is not better than popularity … so für Bello bleibt alles beim Alten.",
    happened_at=1_795_533_300_000,
    run_id="run-1",
    details={
        "campaign": "recommender",
        "rules": [
            {"rule": "ndcg_at_5", "value": 0.0123456, "needed": 0.01, "passed": True},
            {"rule": "better_than_popularity", "value": -0.002, "passed": False},
        ],
    },
)


@dataclass
class Post:
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """Takes every POST and answers `status`; a redirect leads back to the same server."""

    server: ThreadingHTTPServer
    posts: list[Post] = field(default_factory=list)
    status: int = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=hidden"


@contextmanager
def web_server() -> Iterator[WebServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.posts.append(Post(headers, body))
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    receiver = WebServer(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


@dataclass
class MailServer:
    """Keeps what it is sent; `refused` addresses do not exist."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds these by their names
        self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, starttls: bool = False
) -> Iterator[MailServer]:
    """A mail server that, where it encrypts, wants ann's password."""
    receiver = MailServer()
    options: dict[str, Any] = {"hostname": "localhost"}
    if tls is not None:
        options |= {"authenticator": _authenticate, "auth_required": True}
        options |= (
            {"tls_context": tls, "require_starttls": True}
            if starttls
            else {"auth_require_tls": False}  # it does not see that the socket is encrypted
        )
    loop = asyncio.new_event_loop()

    def session() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it does not see TLS, again
            return SMTP(receiver, loop=loop, **options)

    # All of it in a thread of its own: a browser's loop may occupy this one.
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = loop.create_server(session, "127.0.0.1", 0, ssl=None if starttls else tls)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result()
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        asyncio.run_coroutine_threadsafe(_end_sessions(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_sessions(server: asyncio.Server) -> None:
    server.close()
    sessions = asyncio.all_tasks() - {asyncio.current_task()}
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)


def _authenticate(
    _server: SMTP, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword
) -> AuthResult:
    good = (given.login, given.password) == (b"ann", PASSWORD.encode())
    return AuthResult(success=good, handled=False)


class Topic:
    """A topic of Amazon SNS with a queue subscribed to it, on moto's server."""

    def __init__(self) -> None:
        sns, self._sqs = boto3.client("sns"), boto3.client("sqs")
        name = f"news-{uuid.uuid4().hex}"
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        self.name = sns.create_topic(Name=name)["TopicArn"]
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._queue, AttributeNames=["QueueArn"]
        )
        sns.subscribe(
            TopicArn=self.name, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
        )

    def messages(self) -> list[dict[str, Any]]:
        """What the queue got, in the envelope of Amazon SNS."""
        taken = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in taken.get("Messages", [])]
