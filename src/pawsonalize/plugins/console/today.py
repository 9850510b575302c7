"""The first page of a desk: who is new, what to mend, who is hardly seen, and who left."""

from collections.abc import Iterable, Iterator
from math import exp

from sqlalchemy import select

from pawsonalize.animals.animal import LEFT, Animal, AnimalStatus
from pawsonalize.animals.tables.animals import AnimalOrder, AnimalSearch, StockList
from pawsonalize.app.adapters import Adapters
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.database.tables import stays
from pawsonalize.core.event import Visitor
from pawsonalize.core.times import DAY
from pawsonalize.operations.services import Services
from pawsonalize.plugins.console.animals import ListedAnimal, listed_animal
from pawsonalize.recommend.animals.choices import ChoiceWeights
from pawsonalize.recommend.animals.settings import Weights
from pawsonalize.recommend.query import Query

_SHOWN = 6
_ENOUGH_PHOTOS = 3
_LEFT_DAYS, _HOLD_DAYS = 7, 90  # a stay ends when an animal is put on hold, before it leaves
_HOUSEHOLDS = ("kids", "dogs", "cats")


def today_content(
    adapters: Adapters, services: Services, stock: StockList, now: int
) -> dict[str, object]:
    """Return what waits for those who work at a shelter's desk; of long lists, the first six.

    With what a record lacks, the odds that the animal is chosen, where it is shown, grow up to the
    factor `chance`. `hardly_seen` is None while too little was shown to tell.
    """
    counts = stock.counts(now)
    usual = 0.0 if counts.hardly_seen is None else counts.shown_a_day

    def listed(order: AnimalOrder, *, hardly_seen: bool = False) -> list[ListedAnimal]:
        search = AnimalSearch(_SHOWN, order, status=AnimalStatus.AVAILABLE, hardly_seen=hardly_seen)
        return [listed_animal(one, shown, usual, now) for one, shown in stock.page(search, now)]

    days, weights = adapters.settings.newcomer_days, _weights(services, now)
    gaps = _find_gaps(adapters.inventory.all(AnimalStatus.AVAILABLE), weights, now)
    return {
        "statuses": counts.statuses,
        "newcomers": [one for one in listed(AnimalOrder.NEWEST) if one.waiting_days < days],
        "mend": [
            {"animal": listed_animal(animal, 0, 0.0, now), "lacks": lacks, "chance": exp(gain)}
            for gain, animal, lacks in gaps[:_SHOWN]
        ],
        "to_mend": len(gaps),
        "hardly_seen": counts.hardly_seen,
        "unseen": listed(AnimalOrder.SHOWN, hardly_seen=True) if counts.hardly_seen else [],
        "left": [listed_animal(one, 0, 0.0, now) for one in _left(adapters, now)],
    }


def _weights(services: Services, now: int) -> Weights:
    """Return the weights that answers go by now: learned ones, or those of the settings."""
    recommender = services.animal_recommender
    if not recommender.can_order(now):
        return recommender.settings.weights
    served = recommender.group_recommender.score_groups(Query(Visitor(), now, now)).served
    return ChoiceWeights.of(served.choices, recommender.settings.weights).factors


def _find_gaps(
    animals: Iterable[Animal], weights: Weights, now: int
) -> list[tuple[float, Animal, list[str]]]:
    """Return gains, animals and what their records lack, the greatest gain first."""
    found = []
    for animal in animals:
        parts = list(_lacks(animal, weights))
        if parts:
            # No visitor asks for more than their own household.
            gain = sum(photos for _, photos, _ in parts) + max(home for _, _, home in parts)
            found.append((gain, animal, [words for words, _, _ in parts]))
    return sorted(found, key=lambda one: (-one[0], -one[1].waiting_days(now)))


def _lacks(animal: Animal, weights: Weights) -> Iterator[tuple[str, float, float]]:
    """Yield what a record lacks, with the gain for all visitors and that for some households."""
    if (count := len(animal.photos)) < _ENOUGH_PHOTOS:
        share = 1 - count / _ENOUGH_PHOTOS
        yield (
            f"{_ENOUGH_PHOTOS - count} more photos" if count else "photos",
            weights.photos * share,
            0,
        )
    unknown = [one for one in _HOUSEHOLDS if animal.good_with(one) is GoodWith.UNKNOWN]
    if unknown:
        yield f"if it is good with {', '.join(unknown)}", 0, weights.compatibility
    if not animal.description:
        yield "a description", 0, 0


def _left(adapters: Adapters, now: int) -> list[Animal]:
    """Return the animals that left within the last days, the last first."""
    ended = select(stays.c.animal_id).where(stays.c.until.between(now - _HOLD_DAYS * DAY, now))
    with adapters.database.reading() as connection:
        ids = set(connection.scalars(ended))
    known, since = adapters.animals.get_many(ids).values(), now - _LEFT_DAYS * DAY
    found = [one for one in known if one.status in LEFT and one.status_at > since]
    return sorted(found, key=lambda one: -one.status_at)[:_SHOWN]
