"""A letter to the shelter, once a week: who went home, who waits, and what would help."""

from typing import TYPE_CHECKING

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.training.retraining.schedule import Schedule, read_schedule
from pawsonalize.wing import Wing, offered

if TYPE_CHECKING:
    from pawsonalize.settings import Settings


class LetterSettings(msgspec.Struct, frozen=True):
    """The weekly letter to the shelter."""

    letter_schedule: str = ""
    """When to write to the shelter by e-mail, webhook and SNS, by cron's five fields in
    `retrain_time_zone`: `0 8 * * 1` is Mondays at eight; empty: never."""


def schedule_of(settings: "Settings") -> Schedule | None:
    """Return when letters are due; None for never. InvalidInput for text that says no time."""
    given = settings.part(LetterSettings).letter_schedule
    return read_schedule(given, settings.retrain_time_zone, "letter_schedule")


def channels_of(settings: "Settings") -> list[str]:
    """Return the notifiers that reach people: nobody reads a letter in a log."""
    return [one for one in offered("notifiers", settings) or () if one != "log"]


def check_letter(settings: "Settings") -> None:
    """Raise InvalidInput where a letter would reach nobody."""
    if schedule_of(settings) is not None and not channels_of(settings):
        raise InvalidInput(
            "the weekly letter reaches nobody: set notify_email_to or another notifier"
            " (docs/how-to/get-notified.md), or leave letter_schedule out",
            field="letter_schedule",
        )


USABLE = (check_letter,)
WING = Wing(
    "letter",
    settings=":LetterSettings",
    commands="commands:COMMANDS",
    usable=":USABLE",
    tasks="sending:tasks",
)
