"""Checks of the notifiers, and of notifications that did not arrive."""

from collections.abc import Iterator

from pawsonalize.app.checks import EVERYWHERE, Check, CheckedService, Diagnosis, attention, fine
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.settings import Settings
from pawsonalize.wings.notifications.notifying import open_notifiers


def notifiers(settings: Settings) -> Iterator[Diagnosis]:
    """Name the notifiers."""
    try:
        names = [name for name in open_notifiers(settings) if name != "log"]
    except PawsonalizeError as error:
        yield attention(str(error))
        return
    if names:
        yield fine(f"{', '.join(names)}, and the log")
    else:
        yield fine(
            "the log alone",
            "to be told by e-mail, webhook or SNS, set notify_… (docs/how-to/get-notified.md)",
        )


def deliveries(service: CheckedService) -> Iterator[Diagnosis]:
    """Find notifications that did not arrive."""
    failing = [
        one
        for one in service.adapters.deliveries.newest(100)
        if one.delivered_at is None and one.last_error is not None
    ]
    if failing:
        newest = failing[0]
        yield attention(
            f"{len(failing)} of the newest did not arrive, the last by {newest.notifier}:"
            f" {newest.last_error}",
            "mend the notifier's settings, check them with `pawsonalize notifications test`, then"
            " run `pawsonalize notifications retry`",
        )


CHECKS = (
    Check("notifiers", notifiers, is_of_machine=True),
    Check("notifications", deliveries, EVERYWHERE),
)
