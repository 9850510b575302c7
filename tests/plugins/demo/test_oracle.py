from dataclasses import dataclass

import numpy as np
import pytest
from benchmarks.demo_oracle import propensity
from numpy.typing import NDArray

from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import NEVER, SitePages, Visits, World, browse, generate
from tests.plugins.demo.conftest import END, People


@dataclass(frozen=True)
class HitRates:
    """Share of next views whose item is among the first ten."""

    popularity: float
    taste: float
    oracle: float


def likeliest(world: World, visitor: int, at: int, previous: int | None = None) -> set[str]:
    """The items of the ten likeliest next views: no recommender can hit more."""
    chance = propensity(world, visitor, at, previous)
    return {
        world.groups[code].id for code in np.argsort(-chance, kind="stable")[:10] if chance[code]
    }


def animal_utility(
    world: World, visitor: int, animals: NDArray[np.int64], previous: int | None = None
) -> NDArray[np.float64]:
    """Log odds of animals, with the session's intent if there is a `previous` one."""
    truth = world.oracle.utility
    total = truth.of_animals(np.array(visitor), animals)
    intent = 0 if previous is None else truth.intent(np.array(previous), animals)
    return np.asarray(total + intent, np.float64)


@pytest.fixture(scope="module")
def hits(world: World, people: People) -> HitRates:
    columns, group = world.events.columns, world.oracle.group
    late = np.flatnonzero(people.moment > world.start + 0.7 * (world.end - world.start))
    counted = []
    for at in np.random.default_rng(0).choice(late, 500, replace=False):
        moment, visitor = int(people.moment[at]), int(people.visitor[at])
        previous = int(people.previous[at]) if people.previous[at] >= 0 else None
        truth = world.groups[group[people.animal[at]]].id
        past = np.bincount(group[columns.animal[: people.row[at]]], minlength=len(world.groups))
        here = np.unique(group[world.oracle.available(moment)])
        popular = here[np.argsort(-past[here], kind="stable")][:10]
        counted.append(
            (
                truth in {world.groups[code].id for code in popular},
                truth in likeliest(world, visitor, moment),
                truth in likeliest(world, visitor, moment, previous),
            )
        )
    return HitRates(*np.mean(counted, axis=0))


def test_taste_beats_popularity_by_far(hits: HitRates) -> None:
    assert hits.taste > hits.popularity + 0.2


def test_the_session_tells_more_than_taste_alone(hits: HitRates) -> None:
    assert hits.oracle > hits.taste + 0.03


def test_there_is_room_above_popularity_and_below_certainty(hits: HitRates) -> None:
    assert 0.15 < hits.popularity < 0.45
    assert hits.oracle < 0.9


def test_propensities_are_chances_of_available_groups(world: World) -> None:
    at = world.end - 1
    there = np.unique(world.oracle.group[world.oracle.available(at)])
    for visitor in (None, "u000000", world.settings.adopters + 10):
        chance = propensity(world, visitor, at)
        assert chance.sum() == pytest.approx(1)
        assert chance.min() == 0
        assert set(np.flatnonzero(chance)) <= set(there)


def test_a_propensity_is_what_happens(world: World) -> None:
    """Ten thousand first views of one visitor on one day, against what the oracle says."""
    start, visitor, n = world.end - 86_400_000, 12, 10_000
    oracle = world.oracle
    moment = np.full(n, start + 1)
    share = oracle.utility.affinities.species[visitor].astype(float)
    rng = np.random.default_rng(5)
    species = rng.choice(3, n, p=share / share.sum())
    visits = Visits(np.full(n, visitor), moment, np.ones(n, int), species, np.full(n, NEVER))
    seen = np.zeros(len(world.groups))
    for shuffle in range(5):
        site = SitePages.of(oracle.stock, np.random.default_rng(shuffle), start, world.end)
        views = browse(world.settings, oracle.utility, site, visits, shuffle)
        seen += np.bincount(oracle.group[views.animal], minlength=len(seen))
    chance = propensity(world, visitor, start + 1)

    assert np.abs(chance - seen / seen.sum()).sum() < 0.2
    assert np.corrcoef(chance, seen)[0, 1] > 0.97


def test_intent_favours_animals_like_the_one_before(world: World) -> None:
    first = 0
    twins = np.flatnonzero(world.oracle.group == world.oracle.group[first])
    plain = animal_utility(world, 1, twins)

    assert (animal_utility(world, 1, twins, previous=first) > plain).all()


def test_without_affinity_all_adopters_are_alike() -> None:
    alike = WorldSettings(affinity=0, coherence=0, animals=100, adopters=200, events=2_000)
    affinities = generate(alike, 2, END).oracle.utility.affinities

    for column in (affinities.family, affinities.size, affinities.age, affinities.boost):
        assert not column.any()
