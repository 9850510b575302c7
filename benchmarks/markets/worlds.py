"""The constants of the markets, and the seeds: those for tuning are never those of the verdict."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

TUNING_SEEDS = (1, 2, 3)
VERDICT_SEEDS = (101, 102, 103, 104, 105)
CLEAR, VAGUE = 0.4, 1.0
"""How noisy answers to boards are: 2.5 times less than openings, or just as much."""


@dataclass(frozen=True, slots=True)
class Market:
    """How a market works. Strengths are standard deviations of log-odds."""

    clicks: Literal["position", "cascade"] = "position"
    """A visitor looks at places independently, or goes down the page until one is opened."""
    attention: float = 0.6
    """Position: place k is looked at with a chance of 1 / k ** attention."""
    patience: float = 0.93
    """Cascade: the chance to go on to the next place; after opening an animal it is `returns`."""
    returns: float = 0.55
    taste: float = 0.6
    """Of visitors' own likings of size, age, family and colour."""
    hidden: float = 0.5
    """Of the appeal of an animal that no field shows."""
    shown: float = 0.4
    """Of the appeal of size, age, family and photos to everybody."""
    whim: float = 0.5
    """Of what a visitor makes of an animal in one session, and nobody can know."""
    far: float = 1.5
    """Log-odds lost with each 100 km."""
    households: bool = True
    """Whether visitors live with children, dogs and cats, and animals have a known no."""
    keen: float = 0.5
    """How much of what a visitor makes of an animal counts in adopting it, once it was opened."""
    asks_species: bool = True
    """Whether half of the sessions look for one species only."""
    demand: float = 0.9
    """Adoptions that evenly drawn pages would bring, for each animal that arrives."""
    days: int = 240
    initial: int = 120
    """Animals that wait at the start."""
    arrivals: float = 1.8
    """A day."""
    sessions: int = 20_000
    visitors: int = 5_000
    page: int = 20
    """Places of a page."""
    more: int = 4
    """Pages of a session at most: each is what "show more" brings."""
    guests: float = 0.35
    """Share of the sessions without a user id."""
    bots: float = 0.01
    """Share of the sessions that open whatever they look at and adopt nobody."""
    open_rate: float = 0.07
    """The chance that an average animal is opened, once looked at."""
    answers: float = 0.0
    """Share of the visitors who answer boards; with 0, no board is given."""
    noise: float = CLEAR
    """Scale of the Gumbel noise of what a visitor makes of an animal on a board."""
    board: int = 9
    """Animals on a board."""
    taps: int = 3
    """Animals that a visitor picks of it, at most."""
    alerted: float = 0.0
    """Share of the visitors who wish to be told of animals; with 0, no alert is sent."""
    heeds: float = 0.5
    """The chance that an alert is followed: its animal is looked at, as in the first place."""


_QUIET = Market(demand=0.6, days=150, sessions=8_000, visitors=2_500)
"""21 sessions for each animal, where the others have 36."""

_GALLERY = Market(
    taste=0.8, page=40, more=2, guests=0.3, demand=1.2, days=120, initial=160, arrivals=4.0,
    sessions=24_000, visitors=8_000,
)  # fmt: skip
"""Long pages of many animals: most go home within some weeks."""

WORLDS = MappingProxyType(
    {
        "town": Market(),
        "tastes": Market(taste=1.2, hidden=0.2, attention=0.9),
        "charm": Market(taste=0.2, hidden=0.8, attention=0.4),
        "cascade": Market(clicks="cascade", taste=0.8, hidden=0.4),
        "wide": Market(taste=0.5, hidden=0.6, far=3.0, guests=0.6, asks_species=False),
        "impatient": Market(clicks="cascade", patience=0.85, taste=0.4, hidden=0.7, far=0.5),
        "county": Market(hidden=0.6, far=2.5),
        "village": _QUIET,
        "enough": replace(_QUIET, taste=0.8, demand=1.3),
        "plenty": replace(_QUIET, taste=0.8, demand=3.0),
        "gallery": _GALLERY,
        "more": replace(_GALLERY, page=12, more=4),
        "phone": replace(_GALLERY, page=6, more=6),
    }
)
"""Too little demand, except for the last five. `plenty` has more adopters than animals."""


def smaller(market: Market, share: float) -> Market:
    """The same market with so many of its animals and sessions: for tests."""
    return replace(
        market,
        initial=max(20, round(market.initial * share)),
        arrivals=market.arrivals * share,
        sessions=round(market.sessions * share),
        visitors=round(market.visitors * share),
    )
