"""Do the moments say when things happened?"""

from collections.abc import Iterator

import numpy as np

from pawsonalize.engine.training.checks.finding import Finding, Severity
from pawsonalize.engine.training.checks.settings import CheckSettings
from pawsonalize.recipes.contract import TrainingData

_MOST = 0.5


def times(data: TrainingData, _settings: CheckSettings) -> Iterator[Finding]:
    """Moments that are all one, or that give a visitor's events no order."""
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
    """Events later than the moment of training: those in the data, and `later` that are not."""
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
    """Visitors of several events that all carry one moment: their order is that of the file."""
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
