"""Alerts on the adoption site: a wish to be told, given and taken back."""

from typing import TYPE_CHECKING

import msgspec

from pawsonalize.domain.events import Visitor
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.ui.storefront import SiteAlerts
from pawsonalize.wings.alerts import AlertSettings
from pawsonalize.wings.alerts.audience import CONSENT, YES
from pawsonalize.wings.alerts.book import MOST_SEARCHES, AlertBook
from pawsonalize.wings.alerts.composition import book_of
from pawsonalize.wings.alerts.searches import SearchRules

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


class AlertsOfVisitor(msgspec.Struct, frozen=True):
    """Reads what a visitor wished; see `ui.storefront.ReadAlerts`."""

    catalogue: Catalogue
    book: AlertBook
    most: int

    def __call__(self, visitor: Visitor, search: str = "") -> SiteAlerts:
        """See `ReadAlerts`."""
        user_id, saved, consented = visitor.user_id, [], False
        if user_id is not None:
            saved = [one.search for one in self.book.searches(MOST_SEARCHES, user_id)]
            user = self.catalogue.user(user_id)
            consented = user is not None and user.attributes.get(CONSENT) == YES
        return SiteAlerts(
            is_known=user_id is not None,
            consented=consented,
            searches=tuple((one, SearchRules.of(one).in_words) for one in saved),
            search=search,
            words=SearchRules.of(search).in_words if search else "",
            most=self.most,
        )


def site_alerts(settings: Settings, adapters: "Adapters") -> AlertsOfVisitor | None:
    """Return the alerts of this server's pages; None where nobody is told."""
    own = settings.part(AlertSettings)
    if not own.alerts:
        return None
    return AlertsOfVisitor(
        adapters.catalogue, book_of(settings, adapters), own.alerts_per_visitor_week
    )
