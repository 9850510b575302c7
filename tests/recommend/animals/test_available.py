"""The available after any changes is the available that the same animals make when read at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import Animal
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.recommend.animals.available import EVERY_SLOT, AvailableAnimals
from pawsonalize.recommend.animals.eligibility import Eligibility
from pawsonalize.recommend.animals.scoring import estimate
from pawsonalize.recommend.animals.settings import PARTS
from tests.animal_data import animal
from tests.event_data import T0
from tests.recommend.animals.available_animals import (
    HERE,
    available_from,
    ids_of,
    question_of,
    stocks,
)


@given(stocks(), stocks(), st.lists(st.integers(0, 24), max_size=8))
def test_changes_one_by_one_lead_to_the_animals_that_is_read_at_once(
    before: list[Animal], after: list[Animal], gone: list[int]
) -> None:
    left = {one.animal_id: one for one in before}
    available = available_from(before)
    available.waiting(T0, EVERY_SLOT)
    for one in after:
        left[one.animal_id] = one
        available.put([one.animal_id], {one.group_at(0).id: [one]}, {one.animal_id: 3})
    for number in gone:
        left.pop(f"a{number:02}", None)
        available.put([f"a{number:02}"], {}, {})
    fresh = available_from(left.values())
    ordered = sorted(left.values(), key=lambda one: (one.listed_at, one.animal_id))
    for each in (available, fresh):
        assert ids_of(each, each.order) == [animal.animal_id for animal in ordered]
        assert each.rank[each.order].tolist() == list(range(len(ordered)))
    assert available.leads[available.order].tolist() == fresh.leads[fresh.order].tolist()
    assert {available.members(slot) for slot in available.order} == {
        fresh.members(slot) for slot in fresh.order
    }
    for name in ("listed", "kids", "photos", "unit", "kilometres"):
        mine, theirs = (one.take(one.order, HERE)(name).tolist() for one in (available, fresh))
        if name == "unit":
            mine, theirs = ([code < 0 for code in codes] for codes in (mine, theirs))
        assert repr(mine) == repr(theirs)
    waits = [one.waiting(T0, one.order).tolist() for one in (available, fresh)]
    assert waits[0] == waits[1]
    assert _there(available) == _there(fresh)


def _there(available: AvailableAnimals) -> dict[str, int]:
    names = list(available.codes["group"])
    return {names[code]: int(available.there[code]) for code in available.present.tolist()}


def test_an_hour_later_everybody_has_waited_an_hour_longer() -> None:
    available = available_from([animal("a", listed=T0 - 3 * DAY), animal("b", listed=T0)])
    available.waiting(T0 + HOUR, EVERY_SLOT)
    available.put(["c"], {"1-Manx-1-3": [animal("c", listed=T0 - 3 * DAY)]}, {})
    slots = np.array([available.codes["animal"][one] for one in "abc"])
    waited = available.waiting(T0 + HOUR, slots)
    assert waited[0] == waited[2] == np.log1p(3 + 1 / 24) / np.log1p(365)
    assert waited[1] == np.log1p(1 / 24) / np.log1p(365)


def test_a_question_of_another_moment_changes_nothing_for_the_first() -> None:
    available = available_from([animal("a", listed=T0 - 3 * DAY), animal("b", listed=T0)])
    first = question_of(available)
    before = first.score(available.order).utilities.tolist()
    later = question_of(available, at=T0 + 90 * DAY).score(available.order).utilities.tolist()
    assert first.score(available.order).utilities.tolist() == before != later


def test_what_is_shown_counts_from_then_on() -> None:
    available = available_from([animal("a"), animal("b")], {"a": 7.0})
    before, version = (
        question_of(available).score(available.order).parts[:, PARTS.index("exposure")].tolist(),
        available.version,
    )
    available.count_shown({"b": 7.0, "gone": 3.0})
    assert before[0] < before[1] == 0
    assert str(before[1]) == "0.0", "people read it"
    assert (
        question_of(available).score(available.order).parts[:, PARTS.index("exposure")].tolist()
        == [before[0]] * 2
    )
    assert available.version > version


@given(stocks())
def test_every_animal_weighs_the_same_alone_and_among_all(stock: list[Animal]) -> None:
    available = available_from(stock)
    question = question_of(available, asked=Eligibility(kids=True, place=HERE))
    fitting = question.fitting(available.order[available.leads[available.order]])
    alone = [question.score(np.array([slot])).utilities[0] for slot in fitting.tolist()]
    assert question.utilities(fitting).tolist() == alone
    assert np.isfinite(estimate(question).values).sum() == len(fitting)
