"""From waits to how long arrivals stay, and which of them are the hardest fifth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.reporting.outcomes.report import Curve, Stays
from pawsonalize.engine.reporting.outcomes.waits import Ending, Wait
from pawsonalize.evaluation.hardship import expected_rates, hardest_fifth
from pawsonalize.evaluation.survival import SurvivalCurve, kaplan_meier, restricted_mean

HORIZON = 90.0


def hardest(waits: Sequence[Wait]) -> NDArray[np.bool_]:
    """A mask of the fifth of arrivals whose kind was adopted at the lowest rate.

    The kind is species, then its age, its size, and at last the group; days are those waited.
    """
    if not waits:
        return np.zeros(0, bool)
    groups = [wait.group for wait in waits]
    levels = (
        [(one.species,) for one in groups],
        [(one.species, one.age) for one in groups],
        [(one.species, one.age, one.size) for one in groups],
        [(one.id,) for one in groups],
    )
    codes = [
        np.unique(np.array(list(map("\0".join, level))), return_inverse=True)[1] for level in levels
    ]
    return hardest_fifth(expected_rates(codes, *_columns(waits)))


def stays_of(waits: Sequence[Wait]) -> Stays:
    """How long these arrivals wait."""
    curve = survival(waits)
    endings = [wait.ending for wait in waits]
    adopted = [wait.days for wait in waits if wait.ending is Ending.ADOPTED]
    known = curve is not None and curve.reaches(HORIZON)
    return Stays(
        arrivals=len(waits),
        adopted=len(adopted),
        left=endings.count(Ending.LEFT),
        waiting=endings.count(Ending.WAITING),
        rmst90=restricted_mean(curve, HORIZON) if curve else None,
        adopted_within90=1 - curve.at(HORIZON) if curve and known else None,
        mean_of_adopted=sum(adopted) / len(adopted) if adopted else None,
    )


def survival(waits: Sequence[Wait]) -> SurvivalCurve | None:
    """The share still waiting by day; None without arrivals."""
    return kaplan_meier(*_columns(waits)) if waits else None


def curve_of(waits: Sequence[Wait]) -> Curve:
    """The same as a report has it: the steps at which the share falls, and where it ends."""
    found = survival(waits)
    if found is None:
        return Curve([], [])
    falls = np.flatnonzero(np.diff(found.share, prepend=2.0) < 0)
    days, share = found.days[falls].tolist(), found.share[falls].tolist()
    if days[-1] < found.followed:
        days, share = [*days, found.followed], [*share, share[-1]]
    return Curve([round(day, 3) for day in days], [round(each, 5) for each in share])


def _columns(waits: Sequence[Wait]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    days = np.array([wait.days for wait in waits])
    return days, np.array([wait.ending is Ending.ADOPTED for wait in waits])
