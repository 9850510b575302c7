"""Who gets the places: the best, varied, as many as there are, in one documented order."""

from collections import Counter
from collections.abc import Sequence
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.animals.animal import Animal
from pawsonalize.core.attributes import GoodWith
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.recommend.animals.available import AvailableAnimals
from pawsonalize.recommend.animals.eligibility import Eligibility, Place
from pawsonalize.recommend.animals.pages import NO_PAGES, BoardHistory, Pages, PickedBoard
from pawsonalize.recommend.animals.scoring import ScoringInputs, estimate
from pawsonalize.recommend.animals.settings import FACTORS, PARTS, AnimalSettings, Weights
from tests.animal_data import animal
from tests.event_data import T0
from tests.recommend.animals.available_animals import (
    GROUPS,
    HERE,
    available_from,
    best_of,
    ids_of,
    question_of,
    rules,
    stocks,
    together,
    violates,
)


def _pages_of(places: Sequence[tuple[str, str, float, int, bool]]) -> Pages:
    """What a visitor was shown: of each place the group, the animal, the distance, where and
    whether it was opened."""
    groups, ids, distance, place, opened = zip(*places, strict=True)
    factors = np.zeros((len(places), len(PARTS)))
    factors[:, PARTS.index("distance")] = distance
    lately = np.ones(len(places), np.bool_)
    return Pages(groups, ids, factors, np.array(place), np.array(opened, np.bool_), lately, ~lately)


some_likings = st.fixed_dictionaries({group: st.sampled_from((-2.0, 0.0, 1.5)) for group in GROUPS})


@given(stocks(), rules, some_likings, st.integers(1, 30))
def test_no_rule_is_ever_violated_and_nobody_who_fits_is_missing(
    stock: list[Animal], asked: Eligibility, affinity: dict[str, float], limit: int
) -> None:
    available = available_from(stock)
    chosen = best_of(question_of(available, affinity, asked), limit)
    places = {available.members(slot) for slot in chosen.tolist()}
    by_id = {one.animal_id: one for one in stock}
    fitting = {
        tuple(sorted(other.animal_id for other in together(stock, one)))
        for one in stock
        if not any(violates(other, asked) for other in together(stock, one))
    }
    assert not any(violates(by_id[one], asked) for place in places for one in place)
    assert {tuple(sorted(place)) for place in places} <= fitting
    assert len(chosen) == len(places) == min(limit, len(fitting))


@given(stocks(most=40), some_likings, st.integers(1, 30))
def test_the_places_go_by_utility_and_no_group_has_more_than_its_share(
    stock: list[Animal], affinity: dict[str, float], limit: int
) -> None:
    available = available_from([one for one in stock if one.bonded_unit is None])
    question = question_of(available, affinity)
    assert best_of(question, limit).tolist() == _in_turn(question, limit)


def _in_turn(question: ScoringInputs, limit: int) -> list[int]:
    """The places taken one after the other, from all animals in order."""
    available = question.available
    utilities = question.score(available.order).utilities
    order = available.order[np.lexsort((np.arange(len(available)), -utilities))]
    there = Counter(available.column("group", question.fitting(available.order)).tolist())
    share = question.settings.max_per_group_share
    most = {
        group: ceil(limit * max(share, 2 * count / there.total())) for group, count in there.items()
    }
    counted: Counter[int] = Counter()
    varied: list[int] = []
    rest: list[int] = []
    for slot, group in zip(order.tolist(), available.column("group", order).tolist(), strict=True):
        (varied if counted[group] < most[group] else rest).append(slot)
        counted[group] += 1
    return (varied + rest)[:limit]


@pytest.fixture(scope="module")
def many() -> AvailableAnimals:
    """So many animals that only the best are put in order, if they are varied enough."""
    sizes = [10_000, 1_500, *[20] * 300]
    return available_from(
        animal(f"{group}/{n}", f"2-Breed{group}-2-3", listed=T0 - (n * 7 + group) % 90 * DAY)
        for group, size in enumerate(sizes)
        for n in range(size)
    )


@pytest.mark.parametrize("liked", [None, 1, 0], ids=["none", "a large group", "most"])
def test_among_many_as_few_are_put_in_order_as_make_a_varied_list(
    many: AvailableAnimals, liked: int | None
) -> None:
    question = question_of(many, {f"2-Breed{liked}-2-3": 9.0})
    assert best_of(question, 10).tolist() == _in_turn(question, 10)


def test_five_hundred_equal_animals_have_five_hundred_places_in_the_order_of_ties() -> None:
    stock = [animal(f"a{(n * 7) % 500:03}", listed=T0 - n % 3 * DAY) for n in range(500)]
    available = available_from(stock)
    flat = AnimalSettings(weights=Weights(0, 0, 0, 0, 0))
    chosen = best_of(question_of(available, settings=flat), 500)
    waited = sorted(stock, key=lambda one: (one.listed_at, one.animal_id))
    assert ids_of(available, chosen) == [one.animal_id for one in waited]


def test_a_group_has_its_share_or_twice_its_share_of_those_who_may_be_shown() -> None:
    stock = [animal(f"cat{n}", "1-Manx-1-3") for n in range(10)]
    stock += [animal(f"pug{n}", "2-Pug-1-3") for n in range(4)]
    stock += [animal(f"dog{n}", f"2-Breed{n}-1-3") for n in range(26)]
    available = available_from(stock)
    question = question_of(available, {"1-Manx-1-3": 9.0, "2-Pug-1-3": 5.0})
    kinds = [one[:3] for one in ids_of(available, best_of(question, 10))]
    assert Counter(kinds) == {"cat": 5, "pug": 2, "dog": 3}, "of 40 animals 10 are cats"
    kinds = [one[:3] for one in ids_of(available, best_of(question, 40))]
    assert Counter(kinds) == {"cat": 10, "pug": 4, "dog": 26}, "places are not left empty"


def test_a_picked_animal_has_its_place_beside_the_share_of_its_group() -> None:
    stock = [animal(f"cat{n}", "1-Manx-1-3", listed=T0 - (n + 1) * DAY) for n in range(9)]
    stock += [animal(f"dog{n:02}", f"2-Breed{n}-1-3") for n in range(90)]
    available = available_from(stock)
    question = question_of(available, {"1-Manx-1-3": 9.0})
    assert ids_of(available, best_of(question, 6))[:3] == ["cat8", "cat7", "dog00"]
    board = PickedBoard(("1-Manx-1-3", "2-Breed8-1-3"), ("cat4", "dog08"), (0,))
    pages = replace(NO_PAGES, boards=BoardHistory((board,)))
    question = question_of(available, {"1-Manx-1-3": 9.0}, pages=pages)
    found = ids_of(available, best_of(question, 6))
    assert found[:4] == ["cat8", "cat7", "cat4", "dog00"]


def test_each_factor_orders_those_who_are_alike_but_for_it() -> None:
    here = Place(HERE.latitude, HERE.longitude)
    asked = Eligibility(kids=True, place=here)
    known = {"good_with_kids": GoodWith.YES, "latitude": 41.0, "longitude": -120.0}
    worse: dict[str, dict[str, object]] = {
        "waits less": {"listed": T0},
        "is shown more": {},
        "lives farther": {"latitude": 44.0},
        "lives nobody knows where": {"latitude": None, "longitude": None},
        "has no photo": {"photos": ()},
        "is picky": {"good_with_kids": GoodWith.SELECTIVE},
        "is not known to like kids": {"good_with_kids": GoodWith.UNKNOWN},
    }
    usual: dict[str, object] = {"listed": T0 - 50 * DAY, "photos": ("p",) * 3, **known}
    for name, less in worse.items():
        stock = [animal("better", **usual), animal("a worse one", **(usual | less))]  # type: ignore[arg-type]
        available = available_from(stock, {"a worse one": 5.0} if name == "is shown more" else {})
        assert ids_of(available, best_of(question_of(available, asked=asked), 2))[0] == "better", (
            name
        )


@given(stocks(), rules)
def test_the_parts_of_a_utility_add_up_to_it(stock: list[Animal], asked: Eligibility) -> None:
    available = available_from(stock)
    weighed = question_of(available, asked=asked).score(available.order)
    assert [sum(parts) for parts in weighed.parts.tolist()] == weighed.utilities.tolist()
    assert np.isfinite(weighed.utilities).all()
    weights = AnimalSettings().weights
    each = {**dict(zip(FACTORS, weights.values(), strict=True)), "seen": -0.5}
    assert np.allclose(weighed.bare * [each.get(part, 1.0) for part in PARTS], weighed.parts)
    assert (weighed.utilities <= question_of(available, asked=asked).bound + 1e-12).all()


LEARNED = ChoiceModel(
    weights=dict(UNFITTED.weights) | {"waiting": 0.4, "group": 0.7, "visitor": 0.9, "far": 0.3},
    levels={
        "size": {"2/2": 0.4, "1/1": -0.3},
        "species": {"2": -0.2},
        "shelter": {"": 0.25},
        "colour": {"": 0.1},
    },
    inquiry_levels={"size": {"2/2": -0.1}},
    pages=9,
)
pages = st.lists(
    st.tuples(
        st.sampled_from(GROUPS),
        st.integers(0, 30).map("a{:02}".format),
        st.floats(-1, 0),
        st.integers(0, 24),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
).map(_pages_of)


@given(stocks(), rules, some_likings, pages, st.sampled_from((UNFITTED, LEARNED)), st.floats(-2, 2))
def test_the_visitors_and_the_animals_part_add_up_with_the_others(
    stock: list[Animal],
    asked: Eligibility,
    affinity: dict[str, float],
    shown: Pages,
    model: ChoiceModel,
    effect: float,
) -> None:
    available = available_from(stock)
    available.put_effects({one.animal_id: effect for one in stock[::2]})
    question = question_of(available, affinity, asked, pages=shown, model=model)
    weighed = question.score(available.order)
    assert [sum(parts) for parts in weighed.parts.tolist()] == weighed.utilities.tolist()
    assert np.isfinite(weighed.utilities).all()
    assert (weighed.utilities <= question.bound + 1e-9).all()
    assert question.utilities(available.order).tolist() == weighed.utilities.tolist(), "bit for bit"
    estimates = estimate(question)
    about = estimates.values[available.order]
    may = about > -np.inf
    assert (np.abs(about[may] - weighed.utilities[may]) <= estimates.error).all()
    led = available.order[available.leads[available.order]]
    assert available.order[may].tolist() == question.fitting(led).tolist()
    own = weighed.parts[:, PARTS.index("animal_effect")]
    told = {one.animal_id: effect for one in stock[::2]}
    assert own.tolist() == [told.get(available.ids[slot], 0.0) for slot in weighed.slots.tolist()]


def test_who_scrolled_past_large_dogs_gets_fewer_of_them_even_of_those_never_shown() -> None:
    large = [animal(f"large{n}", "2-Beagle-3-3") for n in range(20)]
    small = [animal(f"small{n}", "2-Beagle-1-3") for n in range(20)]
    available = available_from([*large, *small])
    passed = _pages_of([("2-Beagle-3-3", f"large{n}", 0.0, n, False) for n in range(10)])
    settings = AnimalSettings(max_per_group_share=1.0)
    question = question_of(available, settings=settings, pages=passed)
    assert all(one.startswith("small") for one in ids_of(available, best_of(question, 20)))
    parts = question.score(
        np.array([available.codes["animal"]["large15"], available.codes["animal"]["small1"]])
    ).parts
    visitor, seen = parts[:, PARTS.index("visitor")], parts[:, PARTS.index("seen")]
    assert visitor[0] < visitor[1] - 0.05
    assert visitor[0] < 0
    assert seen.tolist() == [0.0, 0.0]


def test_two_visitors_with_the_same_events_and_different_pages_get_different_orders() -> None:
    stock = [animal("large", "2-Boxer-4-3"), animal("small", "2-Pug-1-3"), animal("opened")]
    available = available_from(stock)
    orders = []
    for others in ("2-Great_Dane-4-3", "2-Shih_Tzu-1-3"):
        opened = ("2-Beagle-2-3", "opened", 0.0, 0, True)
        shown = _pages_of([opened, *[(others, "gone", 0.0, n, False) for n in range(1, 9)]])
        orders.append(ids_of(available, best_of(question_of(available, pages=shown), 3)))
    assert orders[0].index("small") < orders[0].index("large")
    assert orders[1].index("large") < orders[1].index("small")


def test_an_animal_that_nobody_has_looked_at_stands_where_its_attributes_put_it() -> None:
    stock = [animal("loved"), animal("new"), animal("passed"), animal("cat", "1-Manx-1-3")]
    available = available_from(stock)
    available.put_effects({"loved": 0.5, "passed": -0.5})
    liked = {"2-Beagle-2-3": 1.0}
    settings = AnimalSettings(max_per_group_share=1.0)
    order = ids_of(available, best_of(question_of(available, liked, settings=settings), 4))
    assert order == ["loved", "new", "passed", "cat"]
