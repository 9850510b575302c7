"""Two orders shown as one: who is in a live test, and pages that two arms draft in turns.

Team draft (Radlinski, Kurup and Joachims 2008): in each round a coin decides which arm goes first,
and each arm gives its best item that is not placed yet. Where both arms would give the same item,
it is placed without a coin and belongs to neither, so that only what differs can earn credit.
No answer is drafted like this yet, since no live test runs: `benchmarks.live_tests` alone uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

_UNITS = 2**64


def assigned_arm(salt: str, unit: str, share: float) -> int | None:
    """Return the arm of a unit, 0 or 1 with equal odds; None if it is not in the test.

    `unit` is a visitor's key, or `shelter|YYYY-MM-DD` in a switchback; `share`, from 0 to 1, is the
    part of all units that is in the test. Depends on nothing else: every server says the same, and
    a unit in the test stays in its arm while the share grows.
    """
    key = blake2b(salt.encode(), digest_size=32).digest()
    digest = blake2b(unit.encode(), key=key, digest_size=16).digest()
    if int.from_bytes(digest[:8]) >= share * _UNITS:
        return None
    return digest[8] & 1  # of the other half, so that it says nothing of being in the test


@dataclass(frozen=True)
class TeamDraft:
    """A page that two arms drafted; one entry for each place."""

    ids: tuple[str, ...]
    teams: tuple[int | None, ...]
    """The arm that drafted the place, 0 or 1; None where it earns no credit.

    That is where both arms would give the same item, and where only one has any left.
    """
    propensities: tuple[float, ...]
    """Probability of the id at its place, given the ids before it, as in `Explored`."""


def team_draft(first: Sequence[str], second: Sequence[str], limit: int, seed: str) -> TeamDraft:
    """Draft at most `limit` distinct ids of two orders, arm 0's and arm 1's, best first.

    All chance comes from `seed`: the same orders and seed give the same page.
    """
    orders, heads = (first, second), [0, 0]
    placed: dict[str, None] = {}
    teams: list[int | None] = []
    propensities: list[float] = []
    coin = Random(seed).random  # noqa: S311 - to be reproduced, not to be kept secret
    due: int | None = None  # the arm that has to give the second item of a round
    while len(placed) < limit:
        for arm, order in enumerate(orders):
            while heads[arm] < len(order) and order[heads[arm]] in placed:
                heads[arm] += 1
        best = [order[head] for order, head in zip(orders, heads, strict=True) if head < len(order)]
        if not best:
            break
        # A coin is tossed only where the arms differ, so the item tells how it fell: the ids before
        # a place determine whose turn it is, and each probability is exactly 1 or 1/2.
        team, odds = None, 1.0
        if len(set(best)) == 2:
            if due is None:
                team, odds = int(coin() < 0.5), 0.5
                due = 1 - team
            else:
                team, due = due, None
        placed[best[team or 0]] = None
        teams.append(team)
        propensities.append(odds)
    return TeamDraft(tuple(placed), tuple(teams), tuple(propensities))
