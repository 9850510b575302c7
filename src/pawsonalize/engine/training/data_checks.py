"""Checks of the data before anything is trained on them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import SECOND
from pawsonalize.engine.training.check_settings import HOPELESS_SHARE, CheckSettings
from pawsonalize.recipes.data import TrainingData
from pawsonalize.storage.events.event_log import EventLog


class Severity(StrEnum):
    """BLOCKING: no good model can be trained on the data. WARNING: the model may be worse."""

    BLOCKING = "blocking"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the data, its numbers, and what to do about it.

    `code` is stable and for machines. JSON by msgspec as it is.
    """

    code: str
    severity: Severity
    message: str
    numbers: Mapping[str, float]
    fix: str


def bots(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """A finding for visitors with many events at a pace at which no person reads."""
    found = bot_users(data, settings)
    if len(found) == 0:
        return
    events = int(np.bincount(data.user, minlength=data.n_users)[found].sum())
    share = events / len(data)
    yield Finding(
        "bots",
        Severity.BLOCKING if share > HOPELESS_SHARE else Severity.WARNING,
        f"{len(found)} visitors look like bots: {settings.bot_events} events or more each, half of"
        f" the steps in under {settings.bot_seconds:g} s; they have {share:.1%} of all events",
        {"visitors": len(found), "events": events, "share": share},
        "keep crawlers from sending events; those in the log teach taste that nobody has",
    )


def bot_users(data: TrainingData, settings: CheckSettings) -> NDArray[np.int64]:
    """NameCodes of the visitors who look like bots, rising."""
    return bots_among(data.user, data.item, data.time, data.n_users, settings)


def bots_among(
    user: NDArray[np.integer[Any]],
    item: NDArray[np.integer[Any]],
    time: NDArray[np.int64],
    n_users: int,
    settings: CheckSettings,
) -> NDArray[np.int64]:
    """Those of `n_users` visitors who look like bots, rising; events are in order of user and time.

    A step goes from one item to another: two events about one animal, such as a view and its
    favourite, may come at once. Events that share one timestamp say nothing of the pace.
    """
    many = np.bincount(user, minlength=n_users) >= settings.bot_events
    gap = np.diff(time)
    step = (np.diff(user) == 0) & (np.diff(item) != 0) & (gap > 0) & many[user[1:]]
    steppers, fast = user[1:][step], gap[step] < settings.bot_seconds * SECOND
    steps = np.bincount(steppers, minlength=n_users)
    fast_steps = np.bincount(steppers, fast, n_users)
    return np.flatnonzero((steps > 0) & (2 * fast_steps > steps))


_MANY = 0.2


def description(data: TrainingData, _settings: CheckSettings) -> Iterator[Finding]:
    """Most events are about items with attributes, by which related new items are recommended."""
    if len(data) == 0:
        return
    bare = data.attributes.codes.max(axis=1, initial=-1) < 0
    share = float(bare[data.item].mean())
    if share > _MANY:
        yield Finding(
            "undescribed_items",
            Severity.WARNING,
            f"{share:.0%} of the events are about items without attributes",
            {"share": share, "items": int(np.count_nonzero(bare))},
            "use item ids of the form species-breed-size-age, so that animals nobody has seen can"
            " be recommended by what is like them",
        )


def dominance(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """No single visitor and no single item makes up most of the events."""
    if len(data) == 0:
        return
    user = np.bincount(data.user).max() / len(data)
    if user > settings.max_user_share:
        yield Finding(
            "dominating_user",
            _severity(user),
            f"one visitor has {user:.0%} of all events",
            {"share": float(user), "allowed": settings.max_user_share},
            "see that test accounts, kiosks and crawlers send no events, and that visitors do not"
            " share one userId",
        )
    counts = np.bincount(data.item)
    item = counts.max() / len(data)
    if item > settings.max_item_share:
        yield Finding(
            "dominating_item",
            _severity(item),
            f"{data.item_ids[int(counts.argmax())]} has {item:.0%} of all events",
            {"share": float(item), "allowed": settings.max_item_share},
            "check that the site sends the animal that was clicked, not a default",
        )


def _severity(share: float) -> Severity:
    return Severity.BLOCKING if share > HOPELESS_SHARE else Severity.WARNING


_MOST = 0.5


def times(data: TrainingData, _settings: CheckSettings) -> Iterator[Finding]:
    """All events have one timestamp, or a visitor's events have no order."""
    if len(data) < 2:
        return
    if (data.time == data.time[0]).all():
        yield Finding(
            "one_moment",
            Severity.BLOCKING,
            f"all {len(data)} events carry the same moment",
            {"events": len(data), "moment": int(data.time[0])},
            "send sentAt, or import TIMESTAMP, as the moment of each event",
        )
    else:
        yield from _unordered(data)


def ahead(data: TrainingData, later: int) -> Iterator[Finding]:
    """Events later than the moment of training: those in the data, and `later` more."""
    events = int(np.count_nonzero(data.time > data.as_of)) + later
    if events:
        yield Finding(
            "future_events",
            Severity.WARNING,
            f"{events} events are later than the moment of training",
            {"events": events},
            "check the sender's clock and the unit of its moments (seconds or milliseconds); such"
            " events are left out until their moment comes",
        )


def _unordered(data: TrainingData) -> Iterator[Finding]:
    """Visitors whose events all have one timestamp: their order is that of the file."""
    starts = np.flatnonzero(np.diff(data.user, prepend=-1))
    counts = np.diff(np.append(starts, len(data)))
    several = starts[counts >= 2], (starts + counts - 1)[counts >= 2]
    alike = int(np.count_nonzero(data.time[several[0]] == data.time[several[1]]))
    share = alike / max(len(several[0]), 1)
    if share > _MOST:
        yield Finding(
            "unordered_events",
            Severity.WARNING,
            f"{alike} of {len(several[0])} visitors with several events have all of them at one"
            f" moment ({share:.0%}): their order is that of the file",
            {"visitors": alike, "of": len(several[0]), "share": share},
            "send the moment of each click; until then what is learned of the order of clicks may"
            " be an accident",
        )


def volume(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """Enough events, of enough visitors, about more than one item."""
    users, items = data.n_users, len(np.unique(data.item))
    if len(data) < settings.min_events:
        yield Finding(
            "few_events",
            Severity.BLOCKING,
            f"there are {len(data)} events; training needs {settings.min_events}",
            {"events": len(data), "needed": settings.min_events},
            "import or send more events, or lower check_min_events",
        )
    if users < settings.min_users:
        yield Finding(
            "few_users",
            Severity.BLOCKING,
            f"the events are of {users} visitors; training needs {settings.min_users}",
            {"users": users, "needed": settings.min_users},
            "send a userId or a sessionId of its own with every visitor's events, or lower"
            " check_min_users",
        )
    if items == 1:
        yield Finding(
            "one_item",
            Severity.BLOCKING,
            "all events are about one item: there is nothing to choose from",
            {"events": len(data), "items": 1},
            "check that the animals' attributes, or the item ids, are sent as they are",
        )


_CHECKS = (volume, times, dominance, bots, description)
_DEFAULT = CheckSettings()


def check_data(
    data: TrainingData, settings: CheckSettings = _DEFAULT, later: int = 0
) -> list[Finding]:
    """Everything that is wrong with the data; blocking findings first.

    `later` is how many events of the log are later than `data.as_of` and were left out.
    """
    found = chain(ahead(data, later), *(check(data, settings) for check in _CHECKS))
    return sorted(found, key=lambda finding: finding.severity is not Severity.BLOCKING)


def later_events(log: EventLog, through: int, data: TrainingData) -> int:
    """Count the events up to the offset `through` that are later than the data."""
    events = sum(item.events for item in log.touched(0, through).values())
    return max(0, events - len(data))  # old events may have left the log since
