"""Plays a market: each order of animals has a copy, with the same visits and the same luck."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from benchmarks.markets.draw import Drawn, Floats, Ints, Mask, Session
from pawsonalize.core.times import DAY, MINUTE

NEVER = np.iinfo(np.int64).max
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Ask:
    """A page that is asked for: `there` are the animals that may be on it."""

    session: Session
    at: int
    there: Ints


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of a page; masks over its places."""

    ask: Ask
    page: Ints
    opened: Mask
    inquired: Mask
    adopted: int | None


@dataclass(frozen=True, slots=True)
class Picked:
    """What became of a board: the places that were picked, best first; None if left alone."""

    ask: Ask
    board: Ints
    picks: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Alert:
    """A visitor is told of an animal."""

    visitor: int
    animal: int
    at: int
    name: str
    """The order's own."""


class Order(Protocol):
    """Orders animals, and hears what became of each page."""

    def page(self, ask: Ask, size: int) -> Ints:
        """The animals of a page, best first, all of them of those that are there."""
        ...

    def hear(self, shown: Shown) -> None:
        """Learn from it, or not."""
        ...


@runtime_checkable
class Asking(Protocol):
    """An order that may give a board before the first page of a visit."""

    def board(self, ask: Ask, size: int) -> Ints:
        """The animals of a board, of those that are there; none if it does not ask now."""
        ...

    def hear_picks(self, picked: Picked) -> None:
        """Learn from it, or not."""
        ...


@runtime_checkable
class Alerting(Protocol):
    """An order that may tell visitors of animals."""

    def alerts(self, at: int) -> Sequence[Alert]:
        """The alerts that have been written since the last call."""
        ...

    def hear_alert(self, alert: Alert, *, inquired: bool, adopted: bool) -> None:
        """Learn that the animal was opened, or not."""
        ...


@dataclass
class Copy:
    """One copy of the market: who is gone, and how often each was on a page."""

    drawn: Drawn
    order: Order
    gone: Ints = field(init=False)
    on_page: Ints = field(init=False)
    early: Ints = field(init=False)
    """How often each was on a page within a week of its arrival."""
    home: set[int] = field(default_factory=set)
    sessions: int = 0
    expected: float = 0.0
    """Adoptions to be expected of what was shown, whims at their mean: fewer than come about."""
    refused: int = 0
    """Places of animals that are known not to get along with the visitor's home."""
    boards: int = 0
    answered: int = 0
    alerts: int = 0
    followed: int = 0
    """Alerts that led to an opening."""

    def __post_init__(self) -> None:
        self.gone = np.full(len(self.drawn.animals), NEVER)
        self.on_page = np.zeros(len(self.drawn.animals), np.int64)
        self.early = self.on_page.copy()

    def visit(self, session: Session, luck: tuple[Floats, Floats, Floats]) -> None:
        """Let one session happen."""
        drawn, market = self.drawn, self.drawn.market
        if session.visitor in self.home:
            return
        self.sessions += not session.is_bot
        whim, to_open, to_adopt = luck
        seen: set[int] = set()
        for number in range(session.pages):
            at = session.at + number * MINUTE
            # Sessions overlap: whoever an earlier one takes is gone for all that follow.
            there = (drawn.listed <= at) & (self.gone == NEVER)
            if session.species >= 0:
                there &= drawn.species == session.species
            if seen:
                there[list(seen)] = False
            ask = Ask(session, at, np.flatnonzero(there))
            if number == 0 and market.answers > 0:
                self._give_board(ask, whim)
            page = self.order.page(ask, market.page)
            if not len(page):
                return
            self._check(ask, page)
            self.on_page[page] += 1
            self.early[page[at - drawn.listed[page] < WEEK]] += 1
            self.refused += int(drawn.refused(session.visitor, page).sum())
            dice = np.random.default_rng((drawn.seed, 6, session.number, number))
            likes = drawn.expected(session.visitor, page) + whim[page]
            wants = to_open[page] < 1 / (1 + np.exp(-(drawn.opening + likes)))
            if session.is_bot:
                wants[:] = True
            else:
                self.expected += worth(drawn, session.visitor, page)
            opened = wants & _looked_at(drawn, wants, dice)
            keen = _keen(drawn, likes)
            taken = opened & (to_adopt[page] < keen) & (not session.is_bot)
            asked = opened & ((to_adopt[page] < np.minimum(1, 4 * keen)) & (not session.is_bot))
            seen.update(page.tolist())
            adopted = None
            if taken.any():
                place = int(taken.argmax())
                adopted = int(page[place])
                opened[place + 1 :] = False
                asked[place + 1 :] = False
                self.gone[adopted] = at + MINUTE
                self.home.add(session.visitor)
            self.order.hear(Shown(ask, page, opened, asked, adopted))
            if adopted is not None:
                return

    def _give_board(self, ask: Ask, whim: Floats) -> None:
        order, drawn = self.order, self.drawn
        if not isinstance(order, Asking):
            return
        board = order.board(ask, drawn.market.board)
        if not len(board):
            return
        self._check(ask, board)
        picks = drawn.picks(ask.session, board, whim)
        self.boards += 1
        self.answered += picks is not None
        self.refused += int(drawn.refused(ask.session.visitor, board).sum())
        order.hear_picks(Picked(ask, board, picks))

    def follow_alerts(self, at: int) -> None:
        """Let happen what the alerts until then bring."""
        if self.drawn.market.alerted > 0 and isinstance(self.order, Alerting):
            for alert in self.order.alerts(at):
                self._follow(self.order, alert)

    def _follow(self, order: Alerting, alert: Alert) -> None:
        """Let a visitor look at the animal of an alert, or not; the luck is the alert's own."""
        drawn, visitor, animal = self.drawn, alert.visitor, alert.animal
        self.alerts += 1
        self.refused += int(drawn.refused(visitor, np.array([animal])).sum())
        dice = np.random.default_rng((drawn.seed, 11, visitor, animal))
        whim, (heeds, to_open, to_adopt) = dice.standard_normal(), dice.random(3)
        if visitor in self.home or self.gone[animal] != NEVER or heeds >= drawn.market.heeds:
            return
        likes = drawn.expected(visitor, np.array([animal]))[0] + drawn.market.whim * whim
        if to_open >= 1 / (1 + np.exp(-(drawn.opening + likes))):
            return
        self.followed += 1
        keen = _keen(drawn, likes)
        adopted = bool(to_adopt < keen)
        if adopted:
            self.gone[animal] = alert.at + MINUTE
            self.home.add(visitor)
        order.hear_alert(alert, inquired=bool(to_adopt < 4 * keen), adopted=adopted)

    def _check(self, ask: Ask, shown: Ints) -> None:
        if not np.isin(shown, ask.there).all():
            raise ValueError("an order shows an animal that is gone, or was on an earlier page")


def _keen(drawn: Drawn, likes: Floats) -> Floats:
    """The chances to adopt animals that were opened."""
    return np.asarray(1 / (1 + np.exp(-(drawn.adopting + drawn.market.keen * likes))))


def worth(drawn: Drawn, visitor: int, page: Ints) -> float:
    """Adoptions to be expected of a page, whims at their mean."""
    likes = drawn.expected(visitor, page)
    market, places = drawn.market, np.arange(len(likes))
    looked = 1 / (1 + places) ** market.attention
    if market.clicks == "cascade":
        opens = _opens(drawn, likes)
        stays = market.patience * (1 - opens) + market.returns * opens
        looked = np.concatenate([[1.0], np.cumprod(stays[:-1])])
    return float((looked * home_chance(drawn, likes)).sum())


def home_chance(drawn: Drawn, likes: Floats) -> Floats:
    """The chances to adopt animals that are looked at."""
    return _opens(drawn, likes) * _keen(drawn, likes)


def _opens(drawn: Drawn, likes: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(drawn.opening + likes))))


def _looked_at(drawn: Drawn, wants: Mask, dice: np.random.Generator) -> Mask:
    market, size = drawn.market, len(wants)
    throw = dice.random(size)
    if market.clicks == "position":
        return np.asarray(throw < 1 / (1 + np.arange(size)) ** market.attention)
    stays = throw < np.where(wants, market.returns, market.patience)
    looked = np.ones(size, np.bool_)
    looked[1:] = np.logical_and.accumulate(stays[:-1])
    return looked


def play(drawn: Drawn, orders: Mapping[str, Order]) -> dict[str, Copy]:
    """Every order's copy, session by session with the same luck."""
    copies = {name: Copy(drawn, order) for name, order in orders.items()}
    for session in drawn.sessions:
        luck = drawn.luck(session.number)
        for copy in copies.values():
            copy.follow_alerts(session.at)
            copy.visit(session, luck)
    return copies
