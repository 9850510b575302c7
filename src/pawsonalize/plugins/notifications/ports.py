"""Notifiers and destinations for the outbox."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import DELIVERIES, DESTINATIONS, NOTIFIERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.app.settings import Settings
    from pawsonalize.core.notifications import NotificationKind


def notifiers(settings: "Settings") -> "Collection[str]":
    """Return the names of the notifiers that the settings ask for."""
    from pawsonalize.plugins.notifications import delivery

    return delivery.open_notifiers(settings)


def destinations(adapters: "Adapters") -> "Callable[[NotificationKind], list[str]]":
    """Return what names the destinations that get a kind."""
    from pawsonalize.plugins.notifications.destinations import Destinations

    return Destinations.of(adapters).chosen


def deliveries(adapters: "Adapters") -> "Iterator[tuple[str, Callable[[int], object]]]":
    """Yield what delivers once to each notifier, and to all destinations that there then are."""
    from pawsonalize.plugins.notifications import delivery

    return delivery.deliveries(adapters)


PORTS = (
    NOTIFIERS.by(notifiers),
    DESTINATIONS.by(destinations),
    DELIVERIES.by(deliveries),
)
