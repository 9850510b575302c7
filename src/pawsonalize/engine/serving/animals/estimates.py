"""The utilities of all available animals at once, near enough to find the best of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals.available import EVERY_SLOT
from pawsonalize.engine.serving.animals.eligibility import ANYBODY, judge
from pawsonalize.engine.serving.animals.utility import Weighing
from pawsonalize.engine.serving.context import THE_ANIMAL

Floats = NDArray[np.float64]

_PRECISION = 2.0**-20
"""Of a sum of some numbers in single precision, beside how large they may be together."""


@dataclass(frozen=True, slots=True)
class Estimates:
    """About the utility of every slot.

    -inf for an animal that may not be shown, or that has no place of its own.
    """

    values: NDArray[np.float32]
    error: float
    """No utility is farther from its estimate."""


def estimate(weighing: Weighing) -> Estimates:
    """Estimate all utilities; the values are kept until the next question.

    What depends on the visitor is found out for each group, kind and place of animals, of which
    there are far fewer than animals. The rest is an addition for each, in single precision.
    """
    available, personal, denied = weighing.available, weighing.personal, weighing.eligibility.denied
    values, room = available.room
    total = weighing.common.estimates
    largest = max(abs(weighing.common.lowest), abs(weighing.common.highest)) + THE_ANIMAL
    for name, part in _parts(weighing):
        largest += float(np.abs(part[np.isfinite(part)]).max(initial=0.0))
        if not part.any():
            continue
        gained = part.astype(np.float32)
        if part.min() == part.max():  # to look it up for each takes six times as long
            total = np.add(total, gained[0], out=values)
        else:
            codes = available.column(name, EVERY_SLOT)
            total = np.add(total, np.take(gained, codes, out=room, mode="clip"), out=values)
    if total is not values:
        np.copyto(values, total)
    values[weighing.disliked] -= THE_ANIMAL
    seen = weighing.weights.seen * personal.seen_by
    largest += float(np.abs(seen).max(initial=0.0))
    values[personal.seen] += seen.astype(np.float32)
    values[available.slots(denied.animals)] = -np.inf
    units = available.in_units[available.leads[available.in_units]]
    if len(units):  # each may be shown if all its animals may
        values[units] = -np.inf
        units = weighing.fitting(units)
        values[units] = weighing.utilities(units)
    return Estimates(values, largest * _PRECISION)


def _parts(weighing: Weighing) -> Iterator[tuple[str, Floats]]:
    """Return the gains of utilities by the code of each group, kind and place, and by slot.

    -inf for those that may not be shown.
    """
    available, weights, personal = weighing.available, weighing.weights, weighing.personal
    rules, codes, kinds = weighing.eligibility, available.codes, available.kinds
    yield "group", weighing.affinity + weights.visitor * personal.visitor
    colours = (weights.visitor * personal.visitor_in_colours)[kinds.take("colour")]
    gained = [("kind", colours, judge(rules.of_kinds, kinds.take, len(kinds), codes))]
    if rules.place is not None and weighing.near is not None:
        far = {"kilometres": available.places.kilometres(rules.place)}
        verdict = judge(rules.of_places, far.__getitem__, len(available.places), codes)
        own = weights.visitor * personal.distance * weighing.near
        gained.append(("place", weighing.nearness + own, verdict))
    if rules.of_animals != ANYBODY:
        count = len(available.ids)
        verdict = judge(rules.of_animals, available.take(EVERY_SLOT), count, codes)
        gained.append(("slot", np.zeros(count), verdict))
    rule_count = max(1, sum(verdict.rule_count for _, _, verdict in gained))
    for name, part, verdict in gained:
        unknown = weights.factors.compatibility / rule_count * verdict.uncertain
        yield name, np.where(verdict.passing, part - unknown, -np.inf)
