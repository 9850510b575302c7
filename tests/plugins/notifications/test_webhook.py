"""What only a webhook can get wrong: its signature, its answers."""

import base64
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, NotDelivered
from pawsonalize.plugins.notifications.notifiers import WebhookNotifier, signature
from tests.plugins.notifications.channels import T0
from tests.plugins.notifications.receivers import NEWS, SECRET, Post, web_server

HOW_TO = Path(__file__).parents[3] / "docs/how-to/get-notified.md"
Verify = Callable[[str, dict[str, str], bytes], bool]


@pytest.fixture
def verify() -> Verify:
    """The function that the documentation gives to receivers."""
    (code,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Verify = names["verify"]
    return found


def post(now: Callable[[], int] = clock.now) -> Post:
    """A notification as it comes over the wire."""
    with web_server() as server:
        WebhookNotifier(server.url, SECRET, now).send(NEWS)
    return server.posts[0]


def test_the_documented_function_accepts_what_was_sent(verify: Verify) -> None:
    sent = post()
    assert sent.headers["content-type"] == "application/json"
    assert verify(SECRET, sent.headers, sent.body)
    assert verify(SECRET.removeprefix("whsec_"), sent.headers, sent.body)


def test_it_refuses_another_secret_body_id_or_time(verify: Verify) -> None:
    sent = post()
    later = str(int(sent.headers["webhook-timestamp"]) + 1)
    assert not verify("b3RoZXI=" * 6, sent.headers, sent.body)
    assert not verify(SECRET, sent.headers, sent.body + b" ")
    assert not verify(SECRET, sent.headers | {"webhook-id": "other"}, sent.body)
    assert not verify(SECRET, sent.headers | {"webhook-timestamp": later}, sent.body)


@pytest.mark.parametrize("seconds", [-600, 600])
def test_it_refuses_what_was_signed_long_ago_or_in_the_future(verify: Verify, seconds: int) -> None:
    sent = post(lambda: clock.now() + seconds * 1000)
    assert not verify(SECRET, sent.headers, sent.body)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "v1,", "v1,ä", "nonsense"])
def test_it_refuses_headers_that_are_missing_or_nonsense(
    verify: Verify, name: str, value: str | None
) -> None:
    sent = post()
    headers = {key: text for key, text in sent.headers.items() if key != name}
    assert not verify(SECRET, headers if value is None else headers | {name: value}, sent.body)


def test_it_accepts_one_good_signature_among_several_as_while_a_secret_changes(
    verify: Verify,
) -> None:
    sent = post()
    both = "v1,AAAA " + sent.headers["webhook-signature"]
    assert verify(SECRET, sent.headers | {"webhook-signature": both}, sent.body)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example that the specification's own libraries are tested with."""
    headers = signature(
        base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_attempt_is_signed_with_its_own_time() -> None:
    assert post(lambda: T0).headers["webhook-timestamp"] == str(T0 // 1000)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_next_move_named(status: int) -> None:
    with web_server() as server:
        server.status = status
        with pytest.raises(NotDelivered, match=f"{status}.*set notify_webhook_url"):
            WebhookNotifier(server.url, SECRET, lambda: T0).send(NEWS)
    assert len(server.posts) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_an_error_answer_is_not_delivered(status: int) -> None:
    with web_server() as server:
        server.status = status
        with pytest.raises(NotDelivered, match=f"answered {status}") as raised:
            WebhookNotifier(server.url, SECRET, lambda: T0).send(NEWS)
    assert "hidden" not in raised.value.message


def test_a_receiver_that_does_not_answer_is_given_up_after_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pawsonalize.plugins.notifications.notifiers._TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(NotDelivered, match="timed out"):
            WebhookNotifier(url, SECRET, lambda: T0).send(NEWS)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook.example",
        "file:///etc/passwd",
        "https://",
        "https://ann:hidden@hook.example/",
        "https://hook.example:hidden/",
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused_unseen(url: str) -> None:
    with pytest.raises(InvalidInput, match="notify_webhook_url must be") as raised:
        WebhookNotifier(url, SECRET, lambda: T0)
    assert "hidden" not in raised.value.message


@pytest.mark.parametrize("secret", ["", "whsec_", "aGlkZGVu", "hidden, and not base64 at all"])
def test_a_weak_secret_is_refused_unseen(secret: str) -> None:
    with pytest.raises(InvalidInput, match="openssl rand -base64 32") as raised:
        WebhookNotifier("https://hook.example/", secret, lambda: T0)
    assert not any(shown in raised.value.message for shown in ("hidden", "aGlkZGVu"))
