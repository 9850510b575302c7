"""Notifications on the console: the channels, the newest deliveries, and tests."""

from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.access.services import services_of
from pawsonalize.http.json import json_response
from pawsonalize.http.operation import Operations
from pawsonalize.kinds.access_keys import OPERATOR
from pawsonalize.pages.reports import DeliveryReport, delivery_report
from pawsonalize.pages.shell import Link
from pawsonalize.pages.views import Confirmation, Done, Fields, PageAction, View, ViewQuery
from pawsonalize.wings.notifications.delivery import Notifying, send_test
from pawsonalize.wings.notifications.notifiers import Notifier

OPERATIONS = Operations()
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


def _test(notifiers: Mapping[str, Notifier], now: int) -> ChannelTests:
    results = send_test(notifiers, now)
    return ChannelTests(
        [ChannelTest(name, reason is None, reason) for name, reason in results.items()]
    )


@OPERATIONS.add(
    "POST",
    "/v1/console/notifications/test",
    OPERATOR,
    answer=ChannelTests,
    summary="Send a test notification by every channel, now.",
)
async def post_notification_test(request: Request) -> Response:
    """Send a test by every channel."""
    services, notifiers = services_of(request), _notifying(request).notifiers
    return json_response(await services.page_reads.make(_test, notifiers, services.now()))


def _ask_test(request: Request, _fields: Fields) -> Confirmation:
    effects = (
        f"Everybody who is told by {', '.join(_notifying(request).notifiers)} gets one"
        " message that says it is a test.",
        "Nothing else changes.",
    )
    return Confirmation("Send a test notification", effects, "Send", _HERE)


def _do_test(request: Request, _fields: Fields) -> Done:
    found = send_test(_notifying(request).notifiers, services_of(request).now())
    results = (
        f"{name} did not: {why}" if why else f"{name} took it" for name, why in found.items()
    )
    return Done(_HERE, f"A test was sent: {'; '.join(results)}."[:400])


def _notifying(request: Request) -> Notifying:
    notifying: Notifying = request.app.state.wings["notifications"]
    return notifying


def _report(query: ViewQuery) -> DeliveryReport:
    notifying: Notifying = query.wings["notifications"]
    return delivery_report(notifying.deliveries, notifying.notifiers)


PAGES = (
    Link("Notifications", _HERE, tab_of=_SETTINGS, place=3),
    View(page=_HERE, template="notifications/notifications.html", read=_report),
    PageAction(f"{_HERE}/test", _ask_test, _do_test),
)
