"""A letter to the shelter, once a week: who went home, who waits, and what would help."""

from typing import TYPE_CHECKING

import msgspec

from pawsonalize.core.errors import NotFound
from pawsonalize.core.notifications import NotificationKind
from pawsonalize.core.plugin import Plugin
from pawsonalize.train.retraining.schedule import Schedule, read_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.app.settings import Settings


class LetterSettings(msgspec.Struct, frozen=True):
    """The weekly letter to the shelter."""

    letter_schedule: str = ""
    """When to write to the shelter by e-mail, webhook and SNS, by cron's five fields in
    `retrain_time_zone`: `0 8 * * 1` is Mondays at eight; empty: never."""


def schedule_of(settings: "Settings") -> Schedule | None:
    """Return when letters are due; None for never. InvalidInput for text that says no time."""
    given = settings.part(LetterSettings).letter_schedule
    return read_schedule(given, settings.retrain_time_zone, "letter_schedule")


def check_readers(adapters: "Adapters") -> None:
    """Raise NotFound where a letter would reach nobody."""
    if not adapters.outbox.names(NotificationKind.LETTER):
        raise NotFound(
            "the weekly letter reaches nobody: set notify_email_to or another notifier, add a"
            " destination (docs/how-to/get-notified.md), or leave letter_schedule out",
            field="letter_schedule",
        )


def need_of_letter(settings: "Settings") -> "Callable[[Adapters], None] | None":
    """Return what finds out if a letter reaches anybody; None where none is to be sent."""
    return None if schedule_of(settings) is None else check_readers


USABLE = (schedule_of,)
NEEDS = (need_of_letter,)
PLUGIN = Plugin(
    "letter",
    settings=":LetterSettings",
    commands="commands:COMMANDS",
    usable=":USABLE",
    needs=":NEEDS",
    tasks="writing:tasks",
)
