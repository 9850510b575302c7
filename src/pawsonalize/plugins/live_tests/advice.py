"""Which design of a live test fits a service, how long it takes, and what the others get wrong.

Visitors compete for unique animals. Where an animal would soon have gone home anyway, an adoption
that one arm brings is one that the other arm loses, and an A/B test by visitor counts it twice; by
days (switchback) less of it is shared. Where animals wait long, visitors hardly compete, and
randomising them is nearer to the truth (Johari, Li, Liskovich and Weintraub 2022).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from pawsonalize.plugins.live_tests.statistics import (
    CELLS,
    VISITORS,
    Moments,
    first_day,
    read_difference,
    read_preferences,
)
from pawsonalize.recommend.live_tests import Design

DIFFERENCES = (0.05, 0.1, 0.2)
"""By how much more events one arm may bring than the other."""

_LOOK_AHEAD = 30.0  # days within which somebody else would have adopted the animal
_SHORT = 0.5  # above this share of such adoptions, animals are what is short
_DECISIVE = 0.5  # of the visitors with an event; the others' events are tied or at common places


@dataclass(frozen=True)
class Advice:
    """The design that fits, and how it and the others would do."""

    design: Design
    reason: str
    days: Mapping[Design, tuple[float | None, ...]]
    """Days until a difference of each of `DIFFERENCES` is found; None: not within 1,000."""
    others: Mapping[Design, str]
    """What each other design would get wrong."""
    replaced: float
    """Share of adoptions that somebody else would have made within 30 days."""


def advise(
    *,
    visits_per_day: float,
    events_per_day: float,
    adoptions_per_day: float,
    animals_available: float,
    shelters: int = 1,
    saves_animals: bool = False,
    alpha: float = 0.05,
) -> Advice:
    """Advise from the traffic of a service; events are those of the primary metric.

    `saves_animals` is true of orders that keep animals for later visitors: their effect is not on
    the page that they change. Days are those at which a test goes as expected: about the median.
    """
    stay = animals_available / adoptions_per_day if adoptions_per_day > 0 else math.inf
    replaced = 1 - math.exp(-_LOOK_AHEAD / stay) if stay > 0 else 1.0
    moved = f"{replaced:.0%} of adoptions would have come about within 30 days anyway"
    page = "It says which order visitors prefer, not by how much more is adopted."
    visitor = (
        "An adoption in one arm takes the animal from the other: the difference looks larger than"
        f" it is for the shelter, as {moved}."
    )
    design = Design.SWITCHBACK
    if saves_animals:
        reason = "The order keeps animals for later visitors: its effect is on everybody's pages."
        page = visitor = "What one arm saves, the other gives away: later visitors see both arms."
    elif replaced > _SHORT:
        reason = f"Animals are short: one stays about {stay:.0f} days, and {moved}."
    else:
        design = Design.INTERLEAVE
        stays = f"one stays about {stay:.0f} days" if stay < math.inf else "nobody was adopted yet"
        reason = f"Visitors are short, not animals ({stays}), and each compares both arms at once."
        visitor = (
            "It is nearest to the truth here, but needs longer, since each visitor sees one arm"
            f" alone; it still shows too much, as {moved}."
        )
    days = "Days of both arms share animals, and weather, weekends and luck of days are in it."
    wrong = {Design.INTERLEAVE: page, Design.AB: visitor, Design.SWITCHBACK: days}
    share = 1 - math.exp(-events_per_day / visits_per_day) if visits_per_day > 0 else 0.0
    # Adoptions of a shelter's day are taken as Poisson; real days vary more, and take longer.
    adoptions = adoptions_per_day / shelters
    finders = {
        Design.INTERLEAVE: partial(_is_preferred, alpha, _DECISIVE * visits_per_day * share),
        Design.AB: partial(_is_better, alpha, VISITORS, visits_per_day, share, 0.0),
        Design.SWITCHBACK: partial(_is_better, alpha, CELLS, shelters, adoptions, adoptions),
    }
    return Advice(
        design,
        reason,
        {name: _days(is_found) for name, is_found in finders.items()},
        {name: text for name, text in wrong.items() if name is not design},
        replaced,
    )


def _days(is_found: Callable[[float, float], bool]) -> tuple[float | None, ...]:
    return tuple(first_day(partial(is_found, by)) for by in DIFFERENCES)


def _is_preferred(alpha: float, decisive: float, difference: float, days: float) -> bool:
    """Events at common places are alike, so the whole difference is in the decisive ones."""
    odds = 1 + difference / _DECISIVE
    lost = days * decisive / (1 + odds)
    return read_preferences(odds * lost, lost, alpha=alpha, margin=0, decisive_per_day=0).low > 0.5


def _is_better(
    alpha: float,
    tuned_for: float,
    units_per_day: float,
    mean: float,
    square: float,
    difference: float,
    days: float,
) -> bool:
    """Outcomes have a mean, and a mean square of `mean` + `square` * `mean`."""
    units = int(days * units_per_day / 2)
    means = [mean * (1 + by) for by in (-difference / 2, difference / 2)]
    first, second = (Moments(units, units * one, units * one * (1 + square)) for one in means)
    reading = read_difference(first, second, alpha=alpha, margin=0, days=0, tuned_for=tuned_for)
    return reading.low > 0
