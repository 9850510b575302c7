"""Live tests as a process answers by them: who is in one, and pages that two arms draft in turns.

Team draft (Radlinski, Kurup and Joachims 2008): in each round a coin decides which arm goes first,
and each arm gives its best item that is not placed yet. Where both arms would give the same item,
it is placed without a coin and belongs to neither, so that only what differs can earn credit.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from random import Random
from threading import Lock

import msgspec

from pawsonalize.core.event import Visitor
from pawsonalize.core.times import DAY
from pawsonalize.recommend.exploration import Explored, Novelty, draw
from pawsonalize.recommend.live_model import LoadedModel

AS_SENT = "as-sent"
"""Stands for the version in an arm that leaves a list in the order in which the site sent it."""
_UNITS = 2**64
_COUNTING = Lock()


class Design(StrEnum):
    """How a live test gives its arms to visitors."""

    INTERLEAVE = "interleave"
    AB = "ab"
    SWITCHBACK = "switchback"


def assigned_arm(salt: str, unit: str, share: float) -> int | None:
    """Return the arm of a unit, 0 or 1 with equal odds; None if it is not in the test.

    `unit` is a visitor, or a day in a switchback; `share`, from 0 to 1, is the part of all units
    that is in the test. Depends on nothing else: every server says the same, and a unit in the test
    stays in its arm while the share grows.
    """
    key = blake2b(salt.encode(), digest_size=32).digest()
    digest = blake2b(unit.encode(), key=key, digest_size=16).digest()
    if int.from_bytes(digest[:8]) >= share * _UNITS:
        return None
    return digest[8] & 1  # of the other half, so that it says nothing of being in the test


def unit_of(design: Design, visitor: Visitor, at: int) -> str | None:
    """Return whom a design gives an arm: the session, or else the user; None for nobody.

    A session goes on when its visitor signs in, and so does its arm. A switchback gives one arm to
    everybody whose answer is of the same day, by UTC.
    """
    if design is Design.SWITCHBACK:
        return str(at // DAY)
    return visitor.session_id or visitor.user_id


class ArmAnswers(msgspec.Struct, rename="camel"):
    """Counts of what an arm of a test answered; a process counts its own."""

    answered: int = 0
    failed: int = 0
    """Answers that the campaign gave in its place, because the model raised."""
    milliseconds: float = 0.0
    """Sum of what the answers took."""
    squares: float = 0.0
    """Sum of the squares of those milliseconds."""

    def count(self, milliseconds: float | None) -> None:
        """Count an answer that took so long; None: it failed."""
        with _COUNTING:  # many threads answer
            if milliseconds is None:
                self.failed += 1
                return
            self.answered += 1
            self.milliseconds += milliseconds
            self.squares += milliseconds**2

    def add(self, other: "ArmAnswers") -> None:
        """Count what another process counted, too."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def no_answers() -> tuple[ArmAnswers, ArmAnswers]:
    """Return counts of both arms before the first answer."""
    return ArmAnswers(), ArmAnswers()


@dataclass(frozen=True, slots=True)
class RunningTest:
    """A live test with the models of its arms in memory."""

    name: str
    design: Design
    salt: str
    share: float
    arms: tuple[LoadedModel | None, LoadedModel]
    """Arm 0 and arm 1; None for the order in which a site sends a list to be ranked."""
    answers: tuple[ArmAnswers, ArmAnswers] = field(default_factory=no_answers)
    """What each arm answered in this process."""
    positions: Mapping[str, int] = field(init=False, repr=False)
    """Positions of the items in the catalogue of arm 0."""

    def __post_init__(self) -> None:
        first = self.arms[0]
        ids = () if first is None else first.model.item_ids
        object.__setattr__(self, "positions", {item: at for at, item in enumerate(ids)})

    def arm(self, visitor: Visitor, at: int) -> int | None:
        """Return the arm that answers at that moment, in an interleaving 0; None if not in it."""
        unit = unit_of(self.design, visitor, at)
        if unit is None or visitor == Visitor():
            return None
        arm = assigned_arm(self.salt, unit, self.share)
        return 0 if arm is not None and self.design is Design.INTERLEAVE else arm


@dataclass
class RunningTests:
    """The live tests of a process, by campaign: a mapping that is swapped as a whole."""

    current: Mapping[str, RunningTest] = field(default_factory=dict)


def mark(name: str, teams: Sequence[int | None]) -> str:
    """Return what is logged with an answer of a test: its name, and the arm of each place."""
    return f"{name}:{''.join('-' if team is None else str(team) for team in teams)}"


def read_mark(text: str) -> tuple[str, tuple[int | None, ...]]:
    """Return the name and the arms in a text of `mark`; an A/B test has one arm for all places."""
    name, _, teams = text.rpartition(":")
    return name, tuple(None if team == "-" else int(team) for team in teams)


def version_at(versions: str, live_test: str | None, place: int) -> str:
    """Return the version that drafted a place, of those of an answer; all where it was common."""
    names = versions.split("+")
    if live_test is None or len(names) == 1:
        return versions
    team = read_mark(live_test)[1][place]
    return versions if team is None else names[team]


@dataclass(frozen=True)
class TeamDraft:
    """A page that two arms drafted; one entry for each place."""

    explored: Explored
    """The items, which of them chance drew, and the probability of each given those before."""
    teams: tuple[int | None, ...]
    """The arm that drafted the place, 0 or 1; None where it earns no credit.

    That is where both arms would give the same item, where only one has any left, and where chance
    drew the item.
    """


def team_draft(
    first: Sequence[int],
    second: Sequence[int],
    limit: int,
    seed: str,
    due: Novelty | None = None,
    weight: float = 0.0,
    *,
    kept: int = 0,
) -> TeamDraft:
    """Draft at most `limit` distinct items of two orders, arm 0's and arm 1's, best first.

    As `explore` does, each place but the first `kept` goes with probability `weight` to a draw by
    novelty. All chance comes from `seed`: the same arguments give the same page.
    """
    orders, heads = (first, second), [0, 0]
    placed: dict[int, None] = {}
    teams: list[int | None] = []
    drawn: list[bool] = []
    propensities: list[float] = []
    coin = Random(seed).random  # noqa: S311 - to be reproduced, not to be kept secret
    turn: int | None = None  # the arm that has to give the second item of a round
    # Whose turn it is, as far as the items before a place tell: without draws they tell all.
    turns: Mapping[int | None, float] = {None: 1.0}
    left = 0 if due is None or weight <= 0 else due.total
    while len(placed) < limit:
        for arm, order in enumerate(orders):
            while heads[arm] < len(order) and order[heads[arm]] in placed:
                heads[arm] += 1
        best = [order[head] for order, head in zip(orders, heads, strict=True) if head < len(order)]
        if not best:
            break
        share = weight if left > 0 and len(placed) >= kept else 0.0
        team = None
        is_drawn = share > 0 and coin() < share
        if is_drawn and due is not None:
            item = draw(due, placed, left, coin)
        else:
            if len(set(best)) == 2:
                team, turn = (turn, None) if turn is not None else _toss(coin())
            item = best[team or 0]
        novelty = due.weight(item) if due is not None and left else 0
        novel = share * novelty / left if share else 0.0
        propensity, turns = _seen(turns, best, item, novel, 1 - share)
        propensities.append(propensity)
        left -= novelty
        placed[item] = None
        teams.append(team)
        drawn.append(is_drawn)
    return TeamDraft(Explored(tuple(placed), tuple(drawn), tuple(propensities)), tuple(teams))


def _toss(unit: float) -> tuple[int, int]:
    """Return the arm that goes first in a round, and the other one."""
    first = int(unit < 0.5)
    return first, 1 - first


def _seen(
    turns: Mapping[int | None, float], best: Sequence[int], item: int, novel: float, left: float
) -> tuple[float, Mapping[int | None, float]]:
    """Return the probability of an item at a place, and whose turn it may be afterwards.

    `novel` is the probability that chance draws it there, and `left` that an arm gives the place.
    """
    after = defaultdict[int | None, float](float)
    for before, odds in turns.items():
        after[before] += odds * novel
        for arm, chance, then in _moves(best, before):
            if best[arm] == item:
                after[then] += odds * left * chance
    total = sum(after.values())
    return total, {then: odds / total for then, odds in after.items() if odds}


def _moves(best: Sequence[int], turn: int | None) -> Iterator[tuple[int, float, int | None]]:
    """Yield each arm that may give the place, with its odds and whose turn it is afterwards."""
    if len(set(best)) < 2:
        yield 0, 1.0, turn
    elif turn is not None:
        yield turn, 1.0, None
    else:
        yield from ((arm, 0.5, 1 - arm) for arm in (0, 1))
