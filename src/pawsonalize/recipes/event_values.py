"""The value of an event, such as a rating or a share watched, as a part of its weight."""

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from pawsonalize.recipes.contract import TrainingData

_MOST = 10.0  # a price or a duration by mistake must not drown all else


def of_event(event_type: str, value: float | None, valued: AbstractSet[str]) -> float:
    """What an event's weight is multiplied by: its value, from 0 to 10, if its type is `valued`.

    An event without a value counts as one of 1.
    """
    if value is None or event_type not in valued:
        return 1.0
    return min(max(value, 0.0), _MOST)


def of_rows(data: TrainingData, valued: AbstractSet[str]) -> NDArray[np.float64]:
    """The same of every event, shape (events,)."""
    weighed = np.array([name in valued for name in data.event_types], np.bool_)[data.event_type]
    known = weighed & np.isfinite(data.value)
    return np.where(known, np.clip(data.value.astype(np.float64), 0.0, _MOST), 1.0)
