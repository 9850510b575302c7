"""Are the items what the service knows how to describe?"""

from collections.abc import Iterator

import numpy as np

from pawsonalize.engine.training.checks.finding import Finding, Severity
from pawsonalize.engine.training.checks.settings import CheckSettings
from pawsonalize.recipes.contract import TrainingData

_MANY = 0.2


def description(data: TrainingData, _settings: CheckSettings) -> Iterator[Finding]:
    """Most events are about items with attributes, from which unseen kin is recommended."""
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
            " be recommended by their kin",
        )
