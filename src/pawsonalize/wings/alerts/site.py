"""Alerts on the adoption site: a wish to be told, given and taken back."""

from functools import partial
from typing import TYPE_CHECKING

from pawsonalize.domain.events import Visitor
from pawsonalize.settings import Settings
from pawsonalize.storage.animals.catalogue import Catalogue
from pawsonalize.ui.storefront import ReadAlerts, SiteAlerts
from pawsonalize.wings.alerts import AlertSettings
from pawsonalize.wings.alerts.book import MOST_SEARCHES, AlertBook
from pawsonalize.wings.alerts.composition import book_of
from pawsonalize.wings.alerts.matching import CONSENT, YES
from pawsonalize.wings.alerts.searches import SearchRules

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters


def site_alerts(settings: Settings, adapters: "Adapters") -> ReadAlerts | None:
    """Return what reads the alerts of a visitor for pages; None where nobody is told."""
    own = settings.part(AlertSettings)
    if not own.alerts:
        return None
    book, most = book_of(settings, adapters), own.alerts_per_visitor_week
    return partial(_alerts_of, adapters.catalogue, book, most)


def _alerts_of(
    catalogue: Catalogue, book: AlertBook, most: int, visitor: Visitor, search: str = ""
) -> SiteAlerts:
    user_id, saved, consented = visitor.user_id, [], False
    if user_id is not None:
        saved = [one.search for one in book.searches(MOST_SEARCHES, user_id)]
        user = catalogue.user(user_id)
        consented = user is not None and user.attributes.get(CONSENT) == YES
    return SiteAlerts(
        is_known=user_id is not None,
        consented=consented,
        searches=tuple((one, SearchRules.of(one).in_words) for one in saved),
        search=search,
        words=SearchRules.of(search).in_words if search else "",
        most=most,
    )
