"""Tests of the notifications, and access keys, on the pages of settings."""

from pawsonalize.wings.console.pages import keys
from pawsonalize.wings.console.pages.actions import Confirmation, Done, Fields
from pawsonalize.wings.console.pages.shell import Console

HERE = "/console/settings"
NOTIFICATIONS = f"{HERE}/notifications"
TABS = (
    ("Settings", HERE),
    ("Keys", keys.KEYS),
    ("Notifications", NOTIFICATIONS),
    ("Audit log", f"{HERE}/audit"),
)


def ask_test(console: Console, _fields: Fields) -> Confirmation:
    """Say who gets a test."""
    names = [one.name for one in console.views.service.report(console.now()).channels]
    return Confirmation(
        title="Send a test notification",
        effects=(
            f"Everybody who is told by {', '.join(names)} gets one message that says it is a test.",
            "Nothing else changes.",
        ),
        button="Send",
        back=NOTIFICATIONS,
    )


def do_test(console: Console, _fields: Fields) -> Done:
    """Send it by every channel."""
    channels = console.views.service.send_test(console.now()).channels
    said = [
        f"{one.channel} took it" if one.taken else f"{one.channel} did not: {one.reason}"
        for one in channels
    ]
    return Done(NOTIFICATIONS, f"A test was sent: {'; '.join(said)}."[:400])
