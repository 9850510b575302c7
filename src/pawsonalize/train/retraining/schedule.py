"""Schedules of retrainings: cron in a time zone, or every so often."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import DAY, HOUR, SECOND


class CheckSettings(msgspec.Struct, frozen=True):
    """Thresholds of the data checks; shares are of all events, between 0 and 1."""

    min_events: int = 100
    """With fewer events nothing is trained."""
    min_users: int = 10
    """With fewer visitors nothing is trained."""
    max_user_share: float = 0.2
    """A visitor with a greater share of the events is a finding."""
    max_item_share: float = 0.5
    """An item with a greater share of the events is a finding."""
    bot_events: int = 50
    """A visitor with so many events may be a bot…"""
    bot_seconds: float = 3.0
    """…and is one if half of the steps from item to item took less than this."""


HOPELESS_SHARE = 0.9
"""If one visitor, one item or bots have a greater share of the events, the finding blocks."""


_RATE = re.compile(r"rate\((\d{1,6}) (minute|hour|day)s?\)")
_UNITS = {"minute": 60 * SECOND, "hour": HOUR, "day": DAY}


Schedule = Callable[[int], int | None]
"""Returns the newest tick up to a moment; ticks are when something is due."""


def _latest(fields: str, zone: ZoneInfo, now: int) -> int | None:
    """Return the newest tick of cron's five fields, on the clocks of a time zone."""
    moment = datetime.fromtimestamp(now // SECOND, zone)
    tick = next(CronSim(fields, moment, reverse=True), None)
    if tick is None:
        return None
    # Backwards cron gives ticks before the moment, and in the hour that comes twice too early
    # ones: from there forwards is right.
    for later in CronSim(fields, tick):
        if later.timestamp() * SECOND > now:  # times of one zone compare by their clocks
            break
        tick = later
    return int(tick.timestamp()) * SECOND


def read_schedule(text: str, zone: str, field: str = "retrain_schedule") -> Schedule | None:
    """A schedule from settings, `rate(1 day)` or `0 3 * * *`; None if empty, else InvalidInput."""
    if not text.strip():
        return None
    if rate := _RATE.fullmatch(text.strip()):
        period = int(rate[1]) * _UNITS[rate[2]]
        if period:
            # Counted from 1970, so that it is the same on every server.
            return lambda now: now - now % period
    try:
        clocks = ZoneInfo(zone)
    except (LookupError, ValueError, OSError) as error:
        raise InvalidInput(
            f"there is no time zone {zone}: write one as Europe/Berlin or UTC",
            field="retrain_time_zone",
        ) from error
    try:
        CronSim(text.strip(), datetime.fromtimestamp(0, clocks))
    except (CronSimError, ValueError) as error:  # a number of thousands of digits is a ValueError
        raise InvalidInput(
            f"{text} is no schedule ({error}): write rate(1 day), or minute, hour, day, month and"
            " weekday as cron does, such as 0 3 * * *",
            field=field,
        ) from error
    return partial(_latest, text.strip(), clocks)
