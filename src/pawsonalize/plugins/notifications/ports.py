"""Notifiers and destinations for the outbox."""

from typing import TYPE_CHECKING

from pawsonalize.app.ports import DELIVERIES, DESTINATIONS, NOTIFIERS
from pawsonalize.core.late import late

if TYPE_CHECKING:
    from pawsonalize.plugins.notifications import delivery, destinations
else:
    delivery = late("pawsonalize.plugins.notifications.delivery")
    destinations = late("pawsonalize.plugins.notifications.destinations")

PORTS = (
    NOTIFIERS.by(lambda settings: delivery.open_notifiers(settings)),
    DESTINATIONS.by(lambda adapters: destinations.Destinations.of(adapters).chosen),
    DELIVERIES.by(lambda adapters: delivery.deliveries(adapters)),
)
