"""Notifications on the console: channels, destinations, the newest deliveries, and tests."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Route

from pawsonalize.app.pages.reports import DeliveryReport, delivery_report
from pawsonalize.app.pages.shell import Link
from pawsonalize.app.pages.views import (
    Confirmation,
    Done,
    Fields,
    PageAction,
    View,
    ViewQuery,
    perform,
)
from pawsonalize.core.http.operation import Operations
from pawsonalize.core.notifications import NotificationTopic
from pawsonalize.core.scopes import OPERATOR
from pawsonalize.operations.admission import Caller
from pawsonalize.operations.services import services_of
from pawsonalize.plugins.notifications.delivery import Notifying, send_test
from pawsonalize.plugins.notifications.destinations import Destinations, NotificationDestination
from pawsonalize.site.forms import fields_of

OPERATIONS = Operations(OPERATOR)
_SETTINGS = "/console/settings"
_HERE = f"{_SETTINGS}/notifications"


class ChannelTest(msgspec.Struct, frozen=True, rename="camel"):
    """Result of a test by one channel; `reason` says why it was not taken."""

    channel: str
    accepted: bool = msgspec.field(name="taken")
    reason: str | None


class ChannelTests(msgspec.Struct, frozen=True):
    """Every channel of the settings, and every destination that is on."""

    channels: list[ChannelTest]


@OPERATIONS.add("POST", "/v1/console/notifications/test")
async def post_notification_test(request: Request) -> ChannelTests:
    """Send a test notification by every channel, now."""
    services, plugins = services_of(request), request.app.state.plugins
    notifying = _notifying(plugins)
    found: dict[str, str | None] = await services.page_reads.make(
        lambda now: send_test(notifying.notifiers_of(), now), services.now()
    )
    return ChannelTests([ChannelTest(name, why is None, why) for name, why in found.items()])


def _ask_test(query: ViewQuery) -> Confirmation:
    name, notes = query.text("destination"), _notes(query)
    named = (notes.get(one, one) for one in _notifying(query.plugins).notifiers_of(name))
    effects = (
        f"Everybody who is told by {', '.join(named)} gets one message that says it is a test.",
        "Nothing else changes.",
    )
    return Confirmation("Send a test notification", effects, "Send", _HERE, {"destination": name})


def _do_test(query: ViewQuery) -> Done:
    name, notes = query.text("destination"), _notes(query)
    found = send_test(_notifying(query.plugins).notifiers_of(name), query.now)
    results = (
        f"{notes.get(one, one)} {f'did not: {why}' if why else 'took it'}"
        for one, why in found.items()
    )
    return Done(_HERE, f"A test was sent: {'; '.join(results)}."[:400], name or None)


def _notes(query: ViewQuery) -> dict[str, str]:
    """Return each destination's note, or else its address, by its name."""
    return {one.name: one.listed.note for one in _notifying(query.plugins).destinations.all()}


# A form alone, and no question with the fields in its address: a part of a webhook's may be secret.
async def _save(request: Request, _caller: Caller) -> Done:
    fields = await fields_of(request)
    destinations = _notifying(request.app.state.plugins).destinations
    return await run_in_threadpool(_saved, destinations, fields, services_of(request).now())


def _saved(destinations: Destinations, fields: Fields, now: int) -> Done:
    draft = NotificationDestination(
        name=fields.get("destination", ""),
        note=fields.get("note", "").strip(),
        address=fields.get("address", "").strip(),
        topics=tuple(filter(fields.get, NotificationTopic)),
        is_on=fields.get("state") != "off",
    )
    if draft.name:
        destinations.change(draft, now)
        return Done(_HERE, "The destination is changed, on every server.", draft.name)
    new = destinations.create(draft, now)
    once = {"The secret that signs": new.secret} if new.secret else {}
    return Done(_HERE, f"{new.listed.note} is added.", new.name, once)


def _ask_removal(query: ViewQuery) -> Confirmation:
    name = query.text("destination")
    title = f"Remove {_notifying(query.plugins).destinations.get(name).listed.note}"
    effects = (
        "It gets no notification any more, from no server.",
        "What waits for it is deleted. It does not come back: add it anew.",
    )
    return Confirmation(title, effects, "Remove", _HERE, {"destination": name})


def _remove(query: ViewQuery) -> Done:
    name = query.text("destination")
    _notifying(query.plugins).destinations.delete(name)
    return Done(_HERE, "The destination is removed.", name)


def _notifying(plugins: Mapping[str, Any]) -> Notifying:
    notifying: Notifying = plugins["notifications"]
    return notifying


def _report(query: ViewQuery) -> DeliveryReport:
    notifying = _notifying(query.plugins)
    names = (one.name for one in notifying.destinations.all())
    return delivery_report(notifying.deliveries, (*notifying.notifiers, *names))


def _content(query: ViewQuery, _report: DeliveryReport) -> dict[str, object]:
    notifying, chosen = _notifying(query.plugins), query.text("destination")
    return {
        "destinations": {one.name: one.listed for one in notifying.destinations.all()},
        "changed": notifying.destinations.get(chosen).listed if chosen else None,
        "topics": tuple(NotificationTopic),
    }


PAGES = (
    Link("Notifications", _HERE, tab_of=_SETTINGS, place=3),
    View(page=_HERE, template="notifications/notifications.html", read=_report, content=_content),
    PageAction(f"{_HERE}/test", _ask_test, _do_test),
    PageAction(f"{_HERE}/remove", _ask_removal, _remove),
    Route(f"{_HERE}/save", partial(perform, act=_save), methods=["POST"]),
)
