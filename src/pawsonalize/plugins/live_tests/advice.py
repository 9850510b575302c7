"""Which design of a live test fits a service, how long it takes, and what the others get wrong.

Visitors compete for unique animals. Where an animal would soon have gone home anyway, an adoption
that one arm brings is one that the other arm loses, and an A/B test by visitor counts it twice; by
days (switchback) less of it is shared. Where animals wait long, visitors hardly compete, and
randomising them is nearer to the truth (Johari, Li, Liskovich and Weintraub 2022), while days of
both arms live on the same animals. `benchmarks.live_tests` measures both.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pawsonalize.plugins.live_tests.statistics import (
    CELLS,
    VISITORS,
    Moments,
    first_day,
    read_difference,
    read_preferences,
)

DIFFERENCES = (0.05, 0.1, 0.2)
"""By how much more events one arm may bring than the other."""

_LOOK_AHEAD = 30.0  # days within which somebody else would have adopted the animal
_SHORT = 0.5  # above this share of such adoptions, animals are what is short
_DECISIVE = 0.5  # of the visitors with an event; the others' events are tied or at common places
_MARGIN = 0.0  # a difference is to be found; nobody asks for equality


class Design(StrEnum):
    """How a live test gives its arms to visitors."""

    INTERLEAVE = "interleave"
    AB = "ab"
    SWITCHBACK = "switchback"


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
    is_short = replaced > _SHORT
    days = {
        Design.INTERLEAVE: _days(_interleaved(visits_per_day, events_per_day, alpha)),
        Design.AB: _days(_by_visitor(visits_per_day, events_per_day, alpha)),
        Design.SWITCHBACK: _days(_by_shelter(adoptions_per_day, shelters, alpha)),
    }
    if saves_animals or is_short:
        design = Design.SWITCHBACK
        reason = (
            "The order keeps animals for later visitors, so its effect is on everybody's pages."
            if saves_animals
            else f"Animals are short: one stays about {stay:.0f} days, and {replaced:.0%} of those"
            " adopted would have found somebody else within 30 days."
        )
    else:
        design = Design.INTERLEAVE
        stays = f"one stays about {stay:.0f} days" if stay < math.inf else "nobody was adopted yet"
        reason = (
            f"Visitors are short, not animals ({stays}): they hardly compete, and each of them"
            " compares both arms on one page."
        )
    wrong = _what_goes_wrong(is_short=is_short, saves_animals=saves_animals, replaced=replaced)
    others = {other: text for other, text in wrong.items() if other is not design}
    return Advice(design, reason, days, others, replaced)


def _what_goes_wrong(
    *, is_short: bool, saves_animals: bool, replaced: float
) -> Mapping[Design, str]:
    taken = (
        f"An adoption in one arm takes the animal from the other, and {replaced:.0%} of them only"
        " move from visitor to visitor: the difference looks larger than it is for the shelter."
    )
    if saves_animals:
        page = visitor = (
            "What one arm saves, the other gives away: the animals are kept for both arms'"
            " visitors, so the effect on later visitors does not show."
        )
    elif is_short:
        page, visitor = f"It says which order visitors prefer, not what is adopted. {taken}", taken
    else:
        page = "It says which order visitors prefer, not by how much more is adopted."
        visitor = (
            "It is nearest to the truth here, but needs longer, since each visitor sees one arm"
            f" alone; it still shows too much, as {replaced:.0%} of adoptions only move."
        )
    days = "It counts days, not visitors: weather, weekends and luck of days are in it."
    return {Design.INTERLEAVE: page, Design.AB: visitor, Design.SWITCHBACK: days}


def _days(is_decided: Callable[[float, float], bool]) -> tuple[float | None, ...]:
    return tuple(first_day(partial(is_decided, by)) for by in DIFFERENCES)


def _interleaved(visits: float, events: float, alpha: float) -> Callable[[float, float], bool]:
    """Events at common places are alike, so the whole difference is in the decisive ones."""
    decisive = _DECISIVE * visits * _share_with_event(visits, events)

    def is_decided(difference: float, days: float) -> bool:
        prefer = (1 + difference / _DECISIVE) / (2 + difference / _DECISIVE)
        won, lost = (days * decisive * share for share in (prefer, 1 - prefer))
        # Without traffic to come, it reads the verdict alone, and no days left.
        return (
            read_preferences(won, lost, alpha=alpha, margin=_MARGIN, decisive_per_day=0).low > 0.5
        )

    return is_decided


def _by_visitor(visits: float, events: float, alpha: float) -> Callable[[float, float], bool]:
    share = _share_with_event(visits, events)

    def is_decided(difference: float, days: float) -> bool:
        units = int(days * visits / 2)
        arms = [min(share * (1 + by), 1.0) * units for by in (-difference / 2, difference / 2)]
        first, second = (Moments(units, total, total) for total in arms)
        return _is_better(first, second, alpha, VISITORS)

    return is_decided


def _by_shelter(adoptions: float, shelters: int, alpha: float) -> Callable[[float, float], bool]:
    """Adoptions of a shelter's day are taken as Poisson; real days vary more, and take longer."""

    def is_decided(difference: float, days: float) -> bool:
        units = int(days * shelters / 2)
        means = [adoptions / shelters * (1 + by) for by in (-difference / 2, difference / 2)]
        first, second = (Moments(units, units * one, units * (one + one**2)) for one in means)
        return _is_better(first, second, alpha, CELLS)

    return is_decided


def _is_better(first: Moments, second: Moments, alpha: float, tuned_for: float) -> bool:
    reading = read_difference(
        first, second, alpha=alpha, margin=_MARGIN, days=0, tuned_for=tuned_for
    )
    return reading.low > 0


def _share_with_event(visits: float, events: float) -> float:
    return 1 - math.exp(-events / visits) if visits > 0 else 0.0
