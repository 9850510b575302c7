"""Exploration of individuals: its floor, its shared budgets, its odds and its replay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from pawsonalize.engine.serving.animals.utility import ExplorationShares, choose
from pawsonalize.engine.serving.exploration import Novelty, explore
from tests.animal_data import animal
from tests.event_data import T0
from tests.unit.engine.serving.animals.available_animals import (
    question_of,
    rules,
    shelf_of,
    stocks,
    together,
    violates,
)


def shares_of(due: Novelty) -> list[float]:
    return [weight / due.total for weight in due.weights.tolist()]


@given(stocks(), rules, st.dictionaries(st.sampled_from(("a00", "a01", "a02")), st.just(1e6)))
def test_every_newcomer_who_may_be_shown_has_the_floor_and_nobody_else_a_chance(
    stock: list[Animal], asked: Eligibility, shown: dict[str, float]
) -> None:
    available = shelf_of(stock, shown)
    question = question_of(available, asked=asked)
    due = ExplorationShares().of(question)
    by_id = {one.animal_id: one for one in stock}
    chances = shares_of(due) if due.total else [0.0] * len(available)
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
    available, shares = shelf_of(stock), ExplorationShares()
    for one in (*asked, *asked):
        question = question_of(available, asked=one)
        assert (
            shares.of(question).weights.tolist()
            == ExplorationShares().of(question).weights.tolist()
        )


def test_groups_have_equal_budgets_shared_by_how_little_animals_were_shown() -> None:
    many = [animal(f"cat{n}", "1-Manx-1-3") for n in range(99)]
    stock = [*many, animal("dog", "2-Pug-1-3"), animal("known", "2-Pug-1-3")]
    available = shelf_of(stock, {"known": 3.0})
    chances = dict(
        zip(
            [available.ids[slot] for slot in available.order],
            shares_of(ExplorationShares().of(question_of(available))),
            strict=True,
        )
    )
    even = 0.25 / 101
    assert np.isclose(chances["dog"], even + 0.75 / 2 * 4 / 5)
    assert np.isclose(chances["known"], even + 0.75 / 2 * 1 / 5)
    assert np.isclose(chances["cat0"], even + 0.75 / 2 / 99)


@given(stocks(), rules, st.integers(1, 12), st.integers(0, 5))
def test_explored_places_keep_to_the_rules_and_come_again_from_the_same_id(
    stock: list[Animal], asked: Eligibility, limit: int, seed: int
) -> None:
    found = []
    for animals in (stock, stock[::-1]):  # another process has read them in another order
        available = shelf_of(animals)
        question = question_of(available, asked=asked)
        best = available.rank[choose(question, limit)].astype(np.intp)
        chosen = explore(best, ExplorationShares().of(question), 1.0, f"RID-{seed}")
        slots = available.order[list(chosen.positions)].tolist()
        found.append(([available.members(slot) for slot in slots], chosen.propensities))
    assert found[0] == found[1]
    places, _ = found[0]
    by_id = {one.animal_id: one for one in stock}
    assert len({one for place in places for one in place}) == sum(map(len, places))
    assert not any(violates(by_id[one], asked) for place in places for one in place)


def test_the_odds_of_a_place_over_all_who_could_have_it_sum_to_one() -> None:
    stock = [animal(f"a{n}", listed=T0 - n * 9 * DAY) for n in range(12)]
    available = shelf_of(stock)
    question = question_of(available)
    best = available.rank[choose(question, 1)].astype(np.intp)
    due = ExplorationShares().of(question)
    odds: dict[int, float] = {}
    for seed in range(3_000):
        answer = explore(best, due, 0.5, str(seed))
        odds[answer.positions[0]] = answer.propensities[0]
    assert set(odds) == {int(best[0]), *np.flatnonzero(due.weights).tolist()}
    assert np.isclose(sum(odds.values()), 1)


def test_what_is_due_is_remembered_until_something_changes() -> None:
    available = shelf_of([animal("a"), animal("b")])
    shares = ExplorationShares()
    before = shares.of(question_of(available))
    assert shares.of(question_of(available)) is before
    available.count_shown({"a": 9})
    assert shares_of(shares.of(question_of(available))) != shares_of(before)
    assert shares.of(question_of(available, asked=Eligibility(species=frozenset("9")))).total == 0
