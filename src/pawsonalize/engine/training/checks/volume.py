"""Is there enough to train on?"""

from collections.abc import Iterator

import numpy as np

from pawsonalize.engine.training.checks.finding import Finding, Severity
from pawsonalize.engine.training.checks.settings import CheckSettings
from pawsonalize.recipes.contract import TrainingData


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
