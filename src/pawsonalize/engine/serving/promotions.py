"""Promotions: a share of an answer's places for items that pass a filter of their own."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.limits import check_between
from pawsonalize.engine.serving.exploration import Explored
from pawsonalize.engine.serving.filters.evaluation import AppliedFilter

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Promotion:
    """Items that are promoted, and their share of the places in per cent, 1 to 100."""

    name: str
    percent: int
    filter: AppliedFilter

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidInput(
                "the name of a promotion has 1 to 63 letters, digits, - and _, and begins with a"
                " letter or digit",
                field="promotions[0].name",
            )
        check_between("promotions[0].percentPromotedItems", self.percent, 1, 100)

    def places(self, limit: int) -> int:
        """Return its number of places, rounded up: the smallest share is at least one."""
        return math.ceil(limit * self.percent / 100)


def spread(promoted: Sequence[int], rest: Explored, seed: str) -> tuple[Explored, tuple[bool, ...]]:
    """Mix two lists, each in its order; also says which places are promoted.

    Every mixture is equally likely; `seed` alone decides. So each place is promoted with the
    probability of its share of what is left, which the propensities include.
    """
    random = Random(f"{seed} promotion").random  # noqa: S311 - to be reproduced, not to be kept secret
    first = iter(promoted)
    second = zip(rest.positions, rest.explored, rest.propensities, strict=True)
    left = len(promoted)
    places: list[tuple[int, bool, float]] = []
    is_promoted: list[bool] = []
    for remaining in range(len(promoted) + len(rest.positions), 0, -1):
        share = left / remaining
        is_promoted.append(random() < share)
        if is_promoted[-1]:
            places.append((next(first), False, share))
            left -= 1
        else:
            position, explored, propensity = next(second)
            places.append((position, explored, (1 - share) * propensity))
    return (
        Explored(
            tuple(position for position, _, _ in places),
            tuple(explored for _, explored, _ in places),
            tuple(propensity for _, _, propensity in places),
        ),
        tuple(is_promoted),
    )
