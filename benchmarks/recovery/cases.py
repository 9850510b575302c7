"""The cases of `benchmarks.recover`: each differs from the usual one in a few words."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pawsonalize.models.recipes.choices.own_effects import ANYTHING, KINDS

_NEWEST: Literal["newest"] = "newest"
_FIXED: Literal["fixed"] = "fixed"
LIKED = ("family", "size", "age")
"""The traits of which visitors make something, each on its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is true. Strengths are log-odds or their standard deviations."""

    page: int = 24
    """Places of a page."""
    stock: int = 200
    """Animals that wait at a time."""
    pages: int = 6_000
    days: int = 90
    stay: float = 45.0
    """Mean days that an animal stays."""
    order: Literal["newest", "fixed", "ours"] = "ours"
    """The newest first, a shelter's own, or what was opened most for how often it was looked at."""
    explored: float = 0.1
    """Share of the places that chance fills."""
    fades: float = 0.6
    """Place k is looked at with a chance of 1 / k ** fades."""
    goes_on: float = 0.0
    """If above 0, a visitor goes down the page and stops after each place with 1 less this."""
    open_rate: float = 0.07
    """The chance that an average animal is opened, once looked at."""
    waiting: float = 0.0
    distance: float = 2.0
    far: float = 1.0
    photos: float = 0.3
    household: float = 0.7
    """The weight of `compatibility`."""
    again: float = -0.5
    """The weight of `seen`."""
    appeal: float = 0.3
    """How much the values of size, age and family differ to everybody."""
    hidden: float = 0.5
    """How much animals differ beyond their attributes."""
    taste: float = 0.5
    """How much visitors differ in what they make of a value of size, age or family."""
    eager: float = 0.5
    """How much visitors differ in how readily they open anything."""
    guests: float = 0.35
    boards: int = 0
    """How many visitors answer a board of six."""
    picks: float = 1.0
    """The scale of their picks: below 1, they are vaguer than openings."""

    @property
    def variances(self) -> dict[str, float]:
        """How much visitors differ, by kind of effect."""
        spreads = dict.fromkeys(LIKED, self.taste) | {ANYTHING: self.eager}
        return {kind: spreads.get(kind, 0.0) ** 2 for kind in KINDS}


CASES = MappingProxyType(
    {
        "usual": Case(),
        "pages of 6": Case(page=6, pages=16_000),
        "pages of 12": Case(page=12, pages=10_000),
        "pages of 40": Case(page=40),
        "pages of 100": Case(page=100, pages=3_000, stock=400),
        "nothing explored, newest first": Case(order=_NEWEST, explored=0.0),
        "nothing explored, a shelter's order": Case(order=_FIXED, explored=0.0),
        "nothing explored, ours": Case(explored=0.0),
        "newest first, pages of 40": Case(order=_NEWEST, page=40),
        "a shelter's order": Case(order=_FIXED),
        "30 animals": Case(stock=30, page=12, pages=4_000),
        "1,000 animals": Case(stock=1_000, page=40),
        "3,000 animals": Case(stock=3_000, page=40, pages=10_000),
        "waiting lifts": Case(waiting=0.6),
        "waiting lifts, pages of 40": Case(waiting=0.6, page=40),
        "visitors who do not differ": Case(taste=0.05, eager=0.05),
        "visitors who differ much": Case(taste=0.9, eager=0.9),
        "guests alone": Case(guests=1.0),
        "far counts": Case(distance=3.0, far=2.5),
        "nothing but tastes": Case(distance=0.0, far=0.0, photos=0.0, household=0.0, again=0.0),
        "attention fades fast": Case(fades=1.0),
        "attention fades slowly": Case(fades=0.3, page=40, pages=3_000),
        "down the page until they stop": Case(goes_on=0.95, page=40),
        "an early training": Case(pages=1_000, days=14),
        "a late training": Case(pages=20_000, days=300),
        "rarely opened": Case(open_rate=0.02, pages=12_000),
        "often opened": Case(open_rate=0.2, pages=3_000),
        "clear picks": Case(boards=2_000, picks=1.5),
        "vague picks": Case(boards=2_000, picks=0.5),
    }
)
