"""Is it the crowd's taste, or that of one?"""

from collections.abc import Iterator

import numpy as np

from pawsonalize.engine.training.checks.finding import Finding, Severity
from pawsonalize.engine.training.checks.settings import HOPELESS_SHARE, CheckSettings
from pawsonalize.recipes.contract import TrainingData


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
