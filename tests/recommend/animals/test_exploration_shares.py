"""Exploration of individuals: its floor, whom it prefers, its odds and its replay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.animals.animal import Animal
from pawsonalize.core.times import DAY
from pawsonalize.recommend.animals.eligibility import Eligibility
from pawsonalize.recommend.animals.scoring import ExplorationShares, ScoringInputs, estimate
from pawsonalize.recommend.animals.settings import AnimalSettings
from pawsonalize.recommend.exploration import Novelty, explore
from tests.animal_data import animal
from tests.event_data import T0
from tests.recommend.animals.available_animals import (
    available_from,
    best_of,
    question_of,
    rules,
    stocks,
    together,
    violates,
)


def due_of(question: ScoringInputs, shares: ExplorationShares | None = None) -> Novelty:
    return (shares or ExplorationShares()).of(question, estimate(question))


def shares_of(question: ScoringInputs, shares: ExplorationShares | None = None) -> list[float]:
    """In the order of the animals; all 0 if nobody has a share."""
    due = due_of(question, shares)
    weights = [due.weight(position) for position in range(len(question.available))]
    return [weight / max(1, due.total) for weight in weights]


def chances_of(question: ScoringInputs) -> dict[str, float]:
    ids = [question.available.ids[slot] for slot in question.available.order]
    return dict(zip(ids, shares_of(question), strict=True))


@given(stocks(), rules, st.dictionaries(st.sampled_from(("a00", "a01", "a02")), st.just(1e6)))
def test_every_newcomer_who_may_be_shown_has_the_floor_and_nobody_else_a_chance(
    stock: list[Animal], asked: Eligibility, shown: dict[str, float]
) -> None:
    available = available_from(stock, shown)
    question = question_of(available, asked=asked)
    by_id = {one.animal_id: one for one in stock}
    chances = shares_of(question)
    expected = 0
    for slot, chance in zip(available.order.tolist(), chances, strict=True):
        one = by_id[available.ids[slot]]
        days = (T0 - one.listed_at) / DAY
        allowed = not any(violates(other, asked) for other in together(stock, one))
        first = available.members(slot)[0] == one.animal_id
        is_due = allowed and first and (days <= 14 or days >= 60)
        assert (chance > 0) == is_due
        expected += is_due
    floor = question.settings.newcomer_floor / max(1, expected)
    assert all(chance == 0 or chance >= floor * 0.999999 for chance in chances)


@given(stocks(), st.lists(rules, max_size=12))
def test_what_is_remembered_is_what_would_be_found_anew(
    stock: list[Animal], asked: list[Eligibility]
) -> None:
    available, shares = available_from(stock), ExplorationShares()
    for one in (*asked, *asked):
        question = question_of(available, asked=one)
        assert shares_of(question, shares) == shares_of(question)


def test_whom_the_visitor_may_like_has_the_larger_chance_by_the_odds() -> None:
    available = available_from([animal("cat", "1-Manx-1-3"), animal("dog", "2-Pug-1-3")])
    chances = chances_of(question_of(available, {"2-Pug-1-3": 2.0}))
    odds = np.exp(2.0)
    assert np.isclose(chances["dog"], 0.25 / 2 + 0.75 * odds / (1 + odds))
    assert np.isclose(chances["cat"], 0.25 / 2 + 0.75 / (1 + odds))


def test_of_a_group_those_who_were_shown_least_come_first_and_many_count_no_more_than_one() -> None:
    many = [animal(f"cat{n}", "1-Manx-1-3") for n in range(99)]
    stock = [*many, animal("dog", "2-Pug-1-3"), animal("known", "2-Pug-1-3")]
    flat = AnimalSettings(weights=replace(AnimalSettings().weights, exposure=0.0))
    chances = chances_of(question_of(available_from(stock, {"known": 3.0}), settings=flat))
    even = 0.25 / 101
    assert np.isclose(chances["dog"], even + 0.75 / 2 * 4 / 5)
    assert np.isclose(chances["known"], even + 0.75 / 2 * 1 / 5)
    assert np.isclose(chances["cat0"], even + 0.75 / 2 / 99)


def test_who_is_liked_by_nobody_keeps_the_floor() -> None:
    available = available_from([animal("loved", "2-Pug-1-3"), animal("other", "2-Boxer-3-3")])
    chances = chances_of(question_of(available, {"2-Pug-1-3": 500.0}))
    assert np.isclose(chances["other"], 0.25 / 2)


@given(stocks(), rules, st.integers(1, 12), st.integers(0, 5))
def test_explored_places_keep_to_the_rules_and_come_again_from_the_same_id(
    stock: list[Animal], asked: Eligibility, limit: int, seed: int
) -> None:
    found = []
    for animals in (stock, stock[::-1]):  # another process has read them in another order
        available = available_from(animals)
        question = question_of(available, asked=asked)
        best = available.rank[best_of(question, limit)].astype(np.intp)
        chosen = explore(best, due_of(question), 1.0, f"RID-{seed}")
        slots = available.order[list(chosen.positions)].tolist()
        found.append(([available.members(slot) for slot in slots], chosen.propensities))
    assert found[0] == found[1]
    places, _ = found[0]
    by_id = {one.animal_id: one for one in stock}
    assert len({one for place in places for one in place}) == sum(map(len, places))
    assert not any(violates(by_id[one], asked) for place in places for one in place)


def test_the_odds_of_a_place_over_all_who_could_have_it_sum_to_one() -> None:
    stock = [animal(f"a{n}", listed=T0 - n * 9 * DAY) for n in range(12)]
    available = available_from(stock)
    question = question_of(available)
    best = available.rank[best_of(question, 1)].astype(np.intp)
    due = due_of(question)
    odds: dict[int, float] = {}
    for seed in range(3_000):
        answer = explore(best, due, 0.5, str(seed))
        odds[answer.positions[0]] = answer.propensities[0]
    assert set(odds) == {int(best[0]), *np.flatnonzero(shares_of(question)).tolist()}
    assert np.isclose(sum(odds.values()), 1)


def test_what_changes_counts_at_once() -> None:
    available = available_from([animal("a"), animal("b")])
    shares = ExplorationShares()
    before = shares_of(question_of(available), shares)
    available.count_shown({"a": 9})
    after = shares_of(question_of(available), shares)
    assert after[0] < before[0] == before[1] < after[1]
    nobody = question_of(available, asked=Eligibility(species=frozenset("9")))
    assert due_of(nobody, shares).total == 0
