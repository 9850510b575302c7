"""Bid prices: days of waiting that a home now saves, per animal.

A place on a page is scarce, and an animal that everybody wants finds a home without it. So the
value of a home is the days of waiting that it saves: as a log it is added to the log-odds that this
visitor brings it about. (A bid price: the worth of the next best use of what is given
away, as in the control of scarce seats; Talluri and van Ryzin 1998.)
"""

import numpy as np

from pawsonalize.recipes.choices.shown_places import Floats

HORIZON = 3_650.0
"""Days of waiting that count at most. With fewer, those who wait longest would all count alike."""

_MOST = 4.0  # log-odds; a few choices must not make an animal irresistible


def home_rate(homes: float, days: Floats, appeal: Floats) -> float:
    """The rate a day at which an animal of appeal 0 finds a home.

    `days` are those that each animal waited in the time in which there were so many homes, and the
    chance of a home grows with the odds, so with exp(appeal); both have the shape (animals,).
    """
    waited = float(days @ np.exp(np.clip(appeal, -_MOST, _MOST)))
    return homes / waited if waited > 0 else 0.0


def bid_prices(rate: float, appeal: Floats) -> Floats:
    """The log of the share of `HORIZON` that is saved; the lower, the sooner it is gone anyway.

    All 0 without a rate.
    """
    if rate <= 0:
        return np.zeros(len(appeal))
    hazard = rate * np.exp(np.clip(appeal, -_MOST, _MOST)) * HORIZON
    return np.asarray(np.log(-np.expm1(-hazard) / hazard))
