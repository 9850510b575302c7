"""Notifications on the console: the channels, the newest deliveries, and tests."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request

from pawsonalize.access.services import services_of
from pawsonalize.http.operation import Operations
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.pages.reports import DeliveryReport, delivery_report
from pawsonalize.pages.shell import Link
from pawsonalize.pages.views import Confirmation, Done, PageAction, View, ViewQuery
from pawsonalize.wings.notifications.delivery import Notifying, send_test

OPERATIONS = Operations(OPERATOR)
_SETTINGS = "/console/settings"
_HERE = f"{_SETTINGS}/notifications"


class ChannelTest(msgspec.Struct, frozen=True, rename="camel"):
    """Result of a test by one channel; `reason` says why it was not taken."""

    channel: str
    accepted: bool = msgspec.field(name="taken")
    reason: str | None


class ChannelTests(msgspec.Struct, frozen=True):
    """Every channel that the settings name."""

    channels: list[ChannelTest]


@OPERATIONS.add("POST", "/v1/console/notifications/test")
async def post_notification_test(request: Request) -> ChannelTests:
    """Send a test notification by every channel, now."""
    services, wings = services_of(request), request.app.state.wings
    test = partial(send_test, _notifying(wings).notifiers)
    found: dict[str, str | None] = await services.page_reads.make(test, services.now())
    return ChannelTests([ChannelTest(name, why is None, why) for name, why in found.items()])


def _ask_test(query: ViewQuery) -> Confirmation:
    effects = (
        f"Everybody who is told by {', '.join(_notifying(query.wings).notifiers)} gets one"
        " message that says it is a test.",
        "Nothing else changes.",
    )
    return Confirmation("Send a test notification", effects, "Send", _HERE)


def _do_test(query: ViewQuery) -> Done:
    found = send_test(_notifying(query.wings).notifiers, query.now)
    results = (
        f"{name} did not: {why}" if why else f"{name} took it" for name, why in found.items()
    )
    return Done(_HERE, f"A test was sent: {'; '.join(results)}."[:400])


def _notifying(wings: Mapping[str, Any]) -> Notifying:
    notifying: Notifying = wings["notifications"]
    return notifying


def _report(query: ViewQuery) -> DeliveryReport:
    notifying = _notifying(query.wings)
    return delivery_report(notifying.deliveries, notifying.notifiers)


PAGES = (
    Link("Notifications", _HERE, tab_of=_SETTINGS, place=3),
    View(page=_HERE, template="notifications/notifications.html", read=_report),
    PageAction(f"{_HERE}/test", _ask_test, _do_test),
)
