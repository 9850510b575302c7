"""Every notifier, each against the real other side."""

import ssl
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pawsonalize.core.errors import NotDelivered
from pawsonalize.plugins.notifications.notifiers import (
    Notifier,
    SmtpNotifier,
    SnsNotifier,
    WebhookNotifier,
)
from tests.plugins.notifications.channels import T0, Channel
from tests.plugins.notifications.channels import channel as open_channel
from tests.plugins.notifications.receivers import NEWS, SECRET

KINDS = ["log", "smtp", "smtps", "smtp+starttls", "webhook", "sns"]


@pytest.fixture(params=KINDS)
def channel(request: pytest.FixtureRequest, tls: ssl.SSLContext) -> Iterator[Channel]:
    if request.param == "sns":
        request.getfixturevalue("aws")
    with open_channel(request.param, tls) as opened:
        yield opened


def test_a_notification_arrives_with_all_it_says(channel: Channel) -> None:
    channel.notifier.send(NEWS)
    (news,) = channel.arrived()
    assert news.news_id == "run-1:not-promoted"
    assert "The live version stays" in news.subject
    for said in (
        NEWS.text,
        "not-promoted",
        "run-1",
        "recommender",
        "ndcg_at_5",
        "0.0123",
        "-0.002",
    ):
        assert said in news.whole


def test_sent_again_it_has_the_same_id(channel: Channel) -> None:
    channel.notifier.send(NEWS)
    channel.notifier.send(NEWS)
    first, second = channel.arrived()
    assert first.news_id == second.news_id == NEWS.notification_id


def test_news_without_details_or_run_arrive_too(channel: Channel) -> None:
    channel.notifier.send(replace(NEWS, run_id=None, details={}))
    assert [NEWS.text in news.whole for news in channel.arrived()] == [True]


def test_a_subject_with_line_breaks_and_other_letters_does_no_harm(channel: Channel) -> None:
    channel.notifier.send(replace(NEWS, subject="Fehler:\r\nBcc: eve@x.example\x07 … Kätzchen" * 9))
    (news,) = channel.arrived()
    assert "Fehler:" in news.subject
    assert NEWS.text in news.whole


def _nobody(kind: str) -> Notifier:
    """A notifier whose other side is not there: nobody listens on port 1."""
    match kind:
        case "email":
            return SmtpNotifier("smtps://ann:hidden@127.0.0.1:1", "paw@x.example", ["a@x.example"])
        case "webhook":
            return WebhookNotifier("http://127.0.0.1:1/hidden", SECRET, lambda: T0)
        case _:
            return SnsNotifier("arn:aws:sns:eu-west-1:123456789012:news")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("kind", ["email", "webhook", "sns"])
def test_a_dead_other_side_is_named_without_its_secrets(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1:1") as raised:
        _nobody(kind).send(NEWS)
    assert "hidden" not in raised.value.message
    assert SECRET not in raised.value.message
