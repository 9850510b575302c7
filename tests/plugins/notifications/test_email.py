"""What only e-mail can get wrong."""

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
import trustme

from pawsonalize.core.errors import InvalidInput, NotDelivered
from pawsonalize.plugins.notifications.notifiers import SmtpNotifier, as_text
from tests.plugins.notifications.receivers import NEWS, mail_server


def test_the_details_are_a_table_that_lines_up() -> None:
    with mail_server() as server:
        notifier(f"smtp://127.0.0.1:{server.port}").send(NEWS)
    assert server.mails[0].get_content().splitlines()[2:] == [
        "campaign: recommender",
        "",
        "rules",
        "rule                    value    needed  passed",
        "ndcg_at_5               0.01235  0.01    yes",
        "better_than_popularity  -0.002   -       no",
        "",
        "not-promoted in run run-1 at 2026-11-24T15:15:00.000Z",
    ]


def test_details_that_are_empty_or_no_table_are_lines() -> None:
    details = {"note": "", "rules": [], "kinds": ["a", "b"], "wins": 0, "live": None}
    assert as_text(replace(NEWS, details=details)).splitlines()[2:-2] == [
        "note: ",
        "rules: []",
        'kinds: ["a","b"]',
        "wins: 0",
        "live: -",
    ]


def notifier(url: str, *more: str) -> SmtpNotifier:
    return SmtpNotifier(url, "paw@x.example", ["a@x.example", *more])


def test_everybody_gets_it_in_one_message() -> None:
    with mail_server() as server:
        notifier(f"smtp://127.0.0.1:{server.port}", "b@x.example").send(NEWS)
    assert len(server.mails) == 1
    assert server.recipients == ["a@x.example", "b@x.example"]


def test_an_address_that_does_not_exist_keeps_it_from_nobody_else() -> None:
    with mail_server() as server, structlog.testing.capture_logs() as lines:
        server.refused = {"gone@x.example"}
        notifier(f"smtp://127.0.0.1:{server.port}", "gone@x.example").send(NEWS)
    assert server.recipients == ["a@x.example"]
    assert [(line["event"], line["refused"]) for line in lines] == [("recipients refused", 1)]


def test_a_message_that_everybody_is_refused_is_not_delivered() -> None:
    with mail_server() as server:
        server.refused = {"a@x.example"}
        with pytest.raises(NotDelivered, match="no such user"):
            notifier(f"smtp://127.0.0.1:{server.port}").send(NEWS)


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_wrong_password_is_said_but_not_shown(tls: ssl.SSLContext, scheme: str) -> None:
    with mail_server(tls=tls, starttls=scheme != "smtps") as server:
        url = f"{scheme}://ann:hidden@127.0.0.1:{server.port}"
        with pytest.raises(NotDelivered, match="535") as raised:
            notifier(url).send(NEWS)
    assert "hidden" not in raised.value.message
    assert server.mails == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_server_whose_certificate_nobody_vouches_for_gets_no_password(
    tls: ssl.SSLContext, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    with mail_server(tls=tls, starttls=scheme != "smtps") as server:
        url = f"{scheme}://ann:hidden@127.0.0.1:{server.port}"
        with pytest.raises(NotDelivered, match="certificate verify failed"):
            notifier(url).send(NEWS)


def test_a_password_is_never_sent_without_encryption() -> None:
    with pytest.raises(InvalidInput, match="unencrypted") as raised:
        notifier("smtp://ann:hidden@mail.example")
    assert "hidden" not in raised.value.message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example",
        "imap://mail.example",
        "smtps://",
        "smtps://mail.example:x",
        "smtps://ann:hid/den@mail.example",
        "smtps://ann:hidd%C3%A9n@mail.example",
    ],
)
def test_a_url_that_names_no_server_is_refused_unseen(url: str) -> None:
    with pytest.raises(InvalidInput, match="notify_smtp_url must be") as raised:
        notifier(url)
    assert "hid" not in raised.value.message


def test_mail_to_or_from_nobody_is_refused() -> None:
    for sender, recipients in (("", ["a@x.example"]), ("paw@x.example", [])):
        with pytest.raises(InvalidInput, match="notify_email_from"):
            SmtpNotifier("smtp://localhost", sender, recipients)


def test_a_mail_to_one_reader_goes_to_nobody_else_and_an_answer_to_whom_it_names() -> None:
    with mail_server() as server:
        notifier(f"smtp://127.0.0.1:{server.port}").send(replace(NEWS, recipient="ann@x.example"))
        notifier(f"smtp://127.0.0.1:{server.port}").send(replace(NEWS, reply_to="ann@x.example"))
    assert server.recipients == ["ann@x.example", "a@x.example"]
    assert [mail["Reply-To"] for mail in server.mails] == [None, "ann@x.example"]
