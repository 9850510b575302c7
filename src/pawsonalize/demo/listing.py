"""How the stock looks on the site: shelters and animals as people read them."""

from dataclasses import asdict, dataclass

import numpy as np

from pawsonalize.demo.breeds import BREEDS
from pawsonalize.demo.names import COAT_OF_BREED, COLOURS, PET_NAMES, SHELTERS
from pawsonalize.demo.stock import Stock
from pawsonalize.domain.animals import Animal, GoodWith
from pawsonalize.domain.statuses import AnimalStatus, StatusChange

_GOOD_WITH = {-1: GoodWith.UNKNOWN, 0: GoodWith.NO, 1: GoodWith.YES}
_LESS_COMMON = 0.7  # each coat is that much rarer than the one before
# Nobody in the world chooses by these two, so they are made up and not measured.
_TOLD = 0.6  # of so many it is known whether they are house-trained or have special needs
_SPECIAL_NEEDS = 0.08
_GROWN = ("3", "4")


@dataclass(frozen=True, slots=True)
class Shelter:
    """Where animals wait; the name is unique, latitude and longitude are in degrees."""

    name: str
    city: str
    latitude: float
    longitude: float


def list_shelters(count: int) -> tuple[Shelter, ...]:
    """The first so many shelters, in the order of the stock's codes."""
    return tuple(Shelter(*row[:4]) for row in SHELTERS[:count])


def list_animals(stock: Stock, rng: np.random.Generator, end: int) -> tuple[Animal, ...]:
    """Every row of the stock as an animal, in its order; later adoptions are not yet known."""
    groups = stock.traits.groups()
    names = rng.choice(PET_NAMES, len(stock)).tolist()
    coats = rng.geometric(1 - _LESS_COMMON, len(stock)) - 1
    told = (rng.random((len(stock), 2)) < _TOLD).tolist()
    needy = (rng.random(len(stock)) < _SPECIAL_NEEDS).tolist()
    return tuple(
        Animal(
            animal_id=f"a{row:06d}",
            **asdict(groups[row]),
            name=names[row],
            shelter=SHELTERS[stock.shelter[row]][0],
            latitude=SHELTERS[stock.shelter[row]][2],
            longitude=SHELTERS[stock.shelter[row]][3],
            sex="male" if stock.male[row] else "female",
            colours=(_colour(stock, row, int(coats[row])),),
            house_trained=groups[row].age in _GROWN if told[row][0] else None,
            special_needs=needy[row] if told[row][1] else None,
            history=_history(int(stock.listed[row]), int(stock.adopted[row]), end),
            good_with_kids=_GOOD_WITH[int(stock.good_with[row, 0])],
            good_with_dogs=_GOOD_WITH[int(stock.good_with[row, 1])],
            good_with_cats=_GOOD_WITH[int(stock.good_with[row, 2])],
        )
        for row in range(len(stock))
    )


def _history(listed: int, adopted: int, end: int) -> tuple[StatusChange, ...]:
    there = StatusChange(AnimalStatus.AVAILABLE, listed)
    if adopted >= end:
        return (there,)
    return there, StatusChange(AnimalStatus.ADOPTED, adopted)


def _colour(stock: Stock, row: int, rank: int) -> str:
    breed = BREEDS[stock.traits.breed[row]]
    fixed = COAT_OF_BREED.get(breed.name)
    if fixed:
        return fixed
    if stock.black[row]:
        return "black"
    coats = COLOURS[int(stock.traits.species[row])]
    return coats[rank % len(coats)]
