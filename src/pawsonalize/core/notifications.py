"""Notifications: what people are told about the retraining, and why it happened."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pawsonalize.core.errors import InvalidInput

# What a webhook's signature separates by dots must not hold one.
_ID = re.compile(r"[A-Za-z0-9_:-]{1,256}")
# No check of what exists: an address that a person mistyped fails anyway.
# Other signs would be a list, a comment or a second header, or no header that can be written.
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")


def is_mail_address(text: str) -> bool:
    """True if it looks like an address of e-mail."""
    return _MAIL.fullmatch(text) is not None


def mail_header(address: str) -> str:
    """Return an address of e-mail as a header holds it, in ASCII; empty if it has no such form."""
    name, _, domain = address.partition("@")
    # Only the domain has another form in it.
    with suppress(UnicodeError):
        written = f"{name}@{domain.encode('idna').decode()}"
        return written if is_mail_address(written) and written.isascii() else ""
    return ""


class NotificationTopic(StrEnum):
    """Kinds of notifications, as somebody at a shelter chooses them."""

    RETRAINING = "retraining"
    PROBLEMS = "problems"
    INQUIRIES = "inquiries"
    LETTER = "letter"


class NotificationKind(StrEnum):
    """Subject of a notification."""

    TRAINING_STARTED = "training-started"
    PROMOTED = "promoted"
    NOT_PROMOTED = "not-promoted"
    CAMPAIGN_UPDATED = "campaign-updated"
    LIVE_TEST_ENDED = "live-test-ended"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    CAPACITY_WARNING = "capacity-warning"
    PROBLEM = "problem"
    PROBLEM_ENDED = "problem-ended"
    ALERT = "alert"
    ALERTS_STOPPED = "alerts-stopped"
    ALERTS_ASKED = "alerts-asked"
    INQUIRY = "inquiry"
    LETTER = "letter"
    INQUIRY_RECEIVED = "inquiry-received"
    TEST = "test"

    @property
    def topic(self) -> NotificationTopic | None:
        """The topic that it belongs to; None for what is for visitors, and for tests."""
        return _TOPICS.get(self)


_TOPICS = {
    NotificationKind.INQUIRY: NotificationTopic.INQUIRIES,
    NotificationKind.LETTER: NotificationTopic.LETTER,
    NotificationKind.FAILED: NotificationTopic.PROBLEMS,
    NotificationKind.TIMED_OUT: NotificationTopic.PROBLEMS,
    NotificationKind.CAPACITY_WARNING: NotificationTopic.PROBLEMS,
    NotificationKind.PROBLEM: NotificationTopic.PROBLEMS,
    NotificationKind.PROBLEM_ENDED: NotificationTopic.PROBLEMS,
    NotificationKind.TRAINING_STARTED: NotificationTopic.RETRAINING,
    NotificationKind.PROMOTED: NotificationTopic.RETRAINING,
    NotificationKind.NOT_PROMOTED: NotificationTopic.RETRAINING,
    NotificationKind.CAMPAIGN_UPDATED: NotificationTopic.RETRAINING,
    NotificationKind.LIVE_TEST_ENDED: NotificationTopic.RETRAINING,
    NotificationKind.SKIPPED: NotificationTopic.RETRAINING,
    NotificationKind.CANCELLED: NotificationTopic.RETRAINING,
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One piece of news, the same for every notifier."""

    # The sender chooses it, the same for the same news: a step that runs again sends it once.
    notification_id: str
    kind: NotificationKind
    subject: str
    text: str
    happened_at: int
    run_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Data for JSON, such as the gate's numbers; a list of mappings is shown as a table."""
    # The whole for mail readers that show more than text; then `text` repeats the details.
    html: str = ""
    mail: str = ""
    """Text of an e-mail, the whole of it; empty: `text`, and the details below it."""
    recipient: str = ""
    """Address of its one reader, who gets it by e-mail alone; empty: whom the settings name."""
    reply_to: str = ""
    """Address that answers to an e-mail go to; empty: the sender's."""
    unsubscribe: str = ""
    """Link that ends mails of this kind by one POST (RFC 8058); empty: there is none."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.notification_id):
            raise InvalidInput(
                "a notification id has 1 to 256 of the characters A-Z a-z 0-9 _ : -, which"
                f" {self.notification_id!r} does not",
                field="notification_id",
            )
