"""The factors that tell animals of one group apart, each within fixed bounds."""

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.times import DAY
from pawsonalize.engine.animals.distance import kilometres
from pawsonalize.engine.animals.rules import Rules, Take, Verdict
from pawsonalize.engine.animals.settings import FACTORS

Floats = NDArray[np.float64]

_YEAR_DAYS = 365.0
_MANY_SHOWINGS = 10_000.0
_NEAR_KM, _FAR_KM = 10.0, 500.0
_UNKNOWN_PLACE = -0.75
_ENOUGH_PHOTOS = 3


def factors(take: Take, rules: Rules, verdict: Verdict, at: int) -> Floats:
    """The factors of each animal as of a moment, shape (animals, factors) as in `FACTORS`.

    waiting: 0 for who came today up to 1 for a year, by the log of the days; exposure: 0 for who
    was never shown down to -1 for 10,000 times, by the log; distance: 0 here down to -1 at 500 km,
    by the log, -0.75 for who lives nobody knows where, and 0 for all if the visitor does; photos: 0
    to 1 for three; compatibility: minus the share of the visitor's questions without an answer.
    """
    listed = take("listed")
    columns = np.zeros((len(listed), len(FACTORS)))
    days = np.maximum(at - listed, 0) / DAY
    columns[:, 0] = np.minimum(np.log1p(days) / np.log1p(_YEAR_DAYS), 1)
    columns[:, 1] = -np.minimum(np.log1p(take("shown")) / np.log1p(_MANY_SHOWINGS), 1)
    if rules.place is not None:
        far = kilometres(rules.place, take("latitude"), take("longitude"))
        nearness = -np.minimum(np.log1p(far / _NEAR_KM) / np.log1p(_FAR_KM / _NEAR_KM), 1)
        columns[:, 2] = np.where(np.isnan(far), _UNKNOWN_PLACE, nearness)
    columns[:, 3] = np.minimum(take("photos"), _ENOUGH_PHOTOS) / _ENOUGH_PHOTOS
    columns[:, 4] = -verdict.uncertain / max(1, verdict.asked)
    return columns
