import numpy as np
import pytest

from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY
from pawsonalize.plugins.demo import calibration
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.stock import (
    BREED_NAMES,
    BREEDS,
    FAMILIES,
    AnimalColumns,
    Traits,
    draw_animals,
)
from tests.plugins.demo.conftest import END

DAYS = 4 * 365 + 1


@pytest.fixture(scope="module")
def stock() -> AnimalColumns:
    return draw_animals(WorldSettings(animals=1_500, days=DAYS), np.random.default_rng(1), END)


@pytest.fixture(scope="module")
def stays(stock: AnimalColumns) -> np.ndarray:
    """Days of stay; NaN for those listed before the world or too late to be told fairly."""
    days = (stock.adopted - stock.listed) / DAY
    fair = (stock.listed > END - DAYS * DAY) & (stock.listed < END - 365 * DAY)
    return np.where(fair, days, np.nan)


@pytest.mark.parametrize(("species", "tolerance"), [(0, 0.1), (1, 0.1), (2, 0.25)])
def test_stays_are_as_long_as_measured(
    stock: AnimalColumns, stays: np.ndarray, species: int, tolerance: float
) -> None:
    mine = stays[stock.traits.species == species]

    assert np.nanmedian(mine) == pytest.approx(calibration.STAY_MEDIAN_DAYS[species], rel=tolerance)
    assert np.nanpercentile(mine, 90) == pytest.approx(
        calibration.STAY_P90_DAYS[species], rel=2 * tolerance
    )


def test_kittens_come_in_their_season(stock: AnimalColumns) -> None:
    kitten = (stock.traits.species == 0) & (stock.traits.age == 0)
    listed = stock.listed[kitten & (stock.listed > END - 4 * 365 * DAY)]
    month = listed.astype("datetime64[ms]").astype("datetime64[M]").astype(int) % 12
    share = np.bincount(month, minlength=12) / len(month)

    assert share * 12 == pytest.approx(calibration.KITTEN_MONTH_INDEX, rel=0.25)


def test_other_animals_come_all_year(stock: AnimalColumns) -> None:
    dog = (stock.traits.species == 1) & (stock.listed > END - 4 * 365 * DAY)
    month = stock.listed[dog].astype("datetime64[ms]").astype("datetime64[M]").astype(int) % 12

    assert np.bincount(month) / dog.sum() * 12 == pytest.approx(np.ones(12), abs=0.15)


def test_what_nobody_knows_is_as_frequent_as_measured(stock: AnimalColumns) -> None:
    unknown = (stock.good_with == -1).mean(axis=0)

    assert unknown == pytest.approx(calibration.UNKNOWN_SHARE, abs=0.02)


def test_the_young_leave_sooner_and_senior_dogs_last(
    stock: AnimalColumns, stays: np.ndarray
) -> None:
    dog = stock.traits.species == 1
    by_age = [np.nanmedian(stays[dog & (stock.traits.age == age)]) for age in range(4)]

    assert by_age == sorted(by_age)
    assert by_age[3] > 2 * by_age[0]


def test_small_dogs_and_wanted_families_leave_sooner(
    stock: AnimalColumns, stays: np.ndarray
) -> None:
    dog = stock.traits.species == 1
    bully, toy = (
        stays[stock.traits.family == FAMILIES.index(name)] for name in ("bully", "toy_companion")
    )

    assert np.nanmedian(stays[dog & (stock.traits.size == 0)]) < np.nanmedian(
        stays[dog & (stock.traits.size == 2)]
    )
    assert np.nanmedian(bully) > 1.5 * np.nanmedian(toy)


def test_black_cats_and_animals_without_photos_wait_longer(
    stock: AnimalColumns, stays: np.ndarray
) -> None:
    cat = stock.traits.species == 0

    assert np.nanmedian(stays[cat & stock.black]) > np.nanmedian(stays[cat & ~stock.black])
    assert np.nanmedian(stays[stock.photos == 0]) > np.nanmedian(stays[stock.photos >= 6])


def test_as_many_are_waiting_as_were_asked_for(stock: AnimalColumns) -> None:
    assert (stock.adopted >= END).sum() == 1_500
    assert stock.listed.max() < END
    assert (np.diff(stock.listed) >= 0).all()
    assert (stock.adopted > stock.listed).all()


def test_breeds_are_named_once_and_belong_to_a_family() -> None:
    assert len(set(BREED_NAMES)) == len(BREED_NAMES)
    assert {breed.family for breed in BREEDS} == set(FAMILIES)
    assert all(" " not in name for name in BREED_NAMES)


def test_traits_become_groups() -> None:
    breed = BREED_NAMES.index("Saint_Bernard")
    traits = Traits(np.array([breed]), np.array([2]), np.array([1]))

    assert traits.groups() == [AnimalGroup("2", "Saint_Bernard", "3", "2")]
