"""What settings name that cannot be used, before anything is opened."""

from collections.abc import Callable, Iterator

from pawsonalize.app.amazon import check_amazon
from pawsonalize.app.jobs import listed_feeds
from pawsonalize.app.notifying import open_notifiers
from pawsonalize.app.serving import postcodes_of
from pawsonalize.app.shared_data import check_shared
from pawsonalize.archive.objects import open_objects
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.domain.event_types import EventTypes
from pawsonalize.http.tls import certificate_of
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.settings import Settings


def unusable(settings: Settings) -> Iterator[str]:
    """What is wrong, each with the next move; opens no database and sends nothing."""
    checks: tuple[Callable[[], object], ...] = (
        lambda: open_notifiers(settings),
        lambda: check_shared(settings),
        lambda: check_amazon(settings),
        lambda: certificate_of(settings.tls_certificate, settings.tls_key),
        lambda: listed_feeds(settings),
        lambda: postcodes_of(settings),
        lambda: open_objects(settings.archive, settings.archive_kms_key),
        lambda: EventTypes.with_added(settings.event_types),
        lambda: recipe_named(settings.recipe),
    )
    for check in checks:
        try:
            check()
        except PawsonalizeError as error:
            yield str(error)
