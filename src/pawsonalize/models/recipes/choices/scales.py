"""Scales of factors: days and kilometres are logs within fixed bounds, and come back here."""

import numpy as np

from pawsonalize.models.recipes.data import Floats

MANY_SHOWINGS = 10_000.0
YEAR_DAYS = 365.0
NEAR_KM, FAR_KM = 10.0, 500.0
UNKNOWN_PLACE = -0.75  # as if 180 km away: it may be near, which a known distance denies


def days_waited(waiting: Floats) -> Floats:
    """Days from the factor `waiting`; 365 stands for more."""
    return np.asarray(np.expm1(waiting * np.log1p(YEAR_DAYS)))


def kilometres(distance: Floats) -> Floats:
    """Kilometres from the factor `distance`; 500 stands for more."""
    return np.asarray(NEAR_KM * np.expm1(-distance * np.log1p(FAR_KM / NEAR_KM)))
