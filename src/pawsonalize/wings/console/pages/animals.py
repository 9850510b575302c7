"""The inventory: the choices of its filters, and the shares of what was shown."""

from itertools import groupby

from pawsonalize.domain.species import SPECIES_NAMES
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.reporting.exposure_report import ExposureShare
from pawsonalize.pages.views import ViewQuery
from pawsonalize.storage.animals.animal_list import AnimalOrder
from pawsonalize.wings.console.views.animals import ANY_STATUS, AnimalListing

_VALUES = 12  # of one respect on the page: colours may be many
_ENOUGH, _LITTLE, _LEAST = 5, 0.7, 5
_ORDERS = {
    AnimalOrder.WAITING: "Waits longest",
    AnimalOrder.SHOWN: "Shown least",
    AnimalOrder.NEWEST: "Listed last",
}


def animals_content(_query: ViewQuery, _found: AnimalListing) -> dict[str, object]:
    """Return the choices of the filters."""
    return {
        "statuses": [*AnimalStatus, ANY_STATUS],
        "species": list(SPECIES_NAMES.values()),
        "orders": _ORDERS,
    }


def seen_content(_query: ViewQuery, shares: list[ExposureShare]) -> dict[str, object]:
    """Return shares of the animals and of what was shown, by respect."""
    by_respect = {respect: list(some) for respect, some in groupby(shares, lambda one: one.by)}
    of_one = by_respect.get("species", [])  # every animal has one
    animals, times = sum(one.animals for one in of_one), sum(one.shown for one in of_one)
    too_little = times < _ENOUGH * animals
    return {
        "shares": {respect: some[:_VALUES] for respect, some in by_respect.items()},
        "least": [] if too_little else _least_seen(shares),
        "too_little": too_little,
        "animals": animals,
        "shown_times": times,
        "most_values": _VALUES,
    }


def _least_seen(shares: list[ExposureShare]) -> list[ExposureShare]:
    """The kinds of animals that are shown far less than there are of them."""
    rated = [(one.ratio, one) for one in shares if one.ratio is not None and one.animals >= _ENOUGH]
    least = sorted((ratio, place) for place, (ratio, _) in enumerate(rated) if ratio < _LITTLE)
    return [rated[place][1] for _, place in least[:_LEAST]]
