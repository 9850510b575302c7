"""Who looks at very much, very fast, is no adopter."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import SECOND
from pawsonalize.engine.training.checks.finding import Finding, Severity
from pawsonalize.engine.training.checks.settings import HOPELESS_SHARE, CheckSettings
from pawsonalize.recipes.contract import TrainingData


def bots(data: TrainingData, settings: CheckSettings) -> Iterator[Finding]:
    """Visitors with many events and a pace that nobody reads at."""
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
    """Codes of the visitors who look like bots, rising.

    A step is from one item to another; two events about one animal, such as a view and its
    favourite, may come at once. Events that carry one moment say nothing of a pace.
    """
    many = np.bincount(data.user, minlength=data.n_users) >= settings.bot_events
    gap = np.diff(data.time)
    step = (np.diff(data.user) == 0) & (np.diff(data.item) != 0) & (gap > 0) & many[data.user[1:]]
    user, fast = data.user[1:][step], gap[step] < settings.bot_seconds * SECOND
    steps = np.bincount(user, minlength=data.n_users)
    fast_steps = np.bincount(user, fast, data.n_users)
    return np.flatnonzero((steps > 0) & (2 * fast_steps > steps))
