"""The shelf after any changes is the shelf that the same animals make when read at once."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.engine.serving.animals.available import EVERY_SLOT, Shelf
from pawsonalize.engine.serving.animals.eligibility import Eligibility
from tests.animal_data import animal
from tests.event_data import T0
from tests.unit.engine.serving.animals.shelves import HERE, ids_of, question_of, shelf_of, stocks


@given(stocks(), stocks(), st.lists(st.integers(0, 24), max_size=8))
def test_changes_one_by_one_lead_to_the_shelf_that_is_read_at_once(
    before: list[Animal], after: list[Animal], gone: list[int]
) -> None:
    left = {one.animal_id: one for one in before}
    shelf = shelf_of(before)
    shelf.waiting(T0, EVERY_SLOT)
    for one in after:
        left[one.animal_id] = one
        shelf.put([one.animal_id], {one.group_at(0).id: [one]}, {one.animal_id: 3})
    for number in gone:
        left.pop(f"a{number:02}", None)
        shelf.put([f"a{number:02}"], {}, {})
    fresh = shelf_of(left.values())
    ordered = sorted(left.values(), key=lambda one: (one.listed_at, one.animal_id))
    for each in (shelf, fresh):
        assert ids_of(each, each.order) == [animal.animal_id for animal in ordered]
        assert each.rank[each.order].tolist() == list(range(len(ordered)))
    assert shelf.leads[shelf.order].tolist() == fresh.leads[fresh.order].tolist()
    assert {shelf.members(slot) for slot in shelf.order} == {
        fresh.members(slot) for slot in fresh.order
    }
    for name in ("listed", "kids", "photos", "unit", "kilometres"):
        mine, theirs = (one.take(one.order, HERE)(name).tolist() for one in (shelf, fresh))
        if name == "unit":
            mine, theirs = ([code < 0 for code in codes] for codes in (mine, theirs))
        assert repr(mine) == repr(theirs)
    waits = [one.waiting(T0, one.order).tolist() for one in (shelf, fresh)]
    assert waits[0] == waits[1]
    assert _there(shelf) == _there(fresh)


def _there(shelf: Shelf) -> dict[str, int]:
    names = list(shelf.codes["group"])
    return {names[code]: int(shelf.there[code]) for code in shelf.present.tolist()}


def test_an_hour_later_everybody_has_waited_an_hour_longer() -> None:
    shelf = shelf_of([animal("a", listed=T0 - 3 * DAY), animal("b", listed=T0)])
    shelf.waiting(T0 + HOUR, EVERY_SLOT)
    shelf.put(["c"], {"1-Manx-1-3": [animal("c", listed=T0 - 3 * DAY)]}, {})
    slots = np.array([shelf.codes["animal"][one] for one in "abc"])
    waited = shelf.waiting(T0 + HOUR, slots)
    assert waited[0] == waited[2] == np.log1p(3 + 1 / 24) / np.log1p(365)
    assert waited[1] == np.log1p(1 / 24) / np.log1p(365)


def test_a_question_of_another_moment_changes_nothing_for_the_first() -> None:
    shelf = shelf_of([animal("a", listed=T0 - 3 * DAY), animal("b", listed=T0)])
    first = question_of(shelf)
    before = first.weigh(shelf.order).utilities.tolist()
    later = replace(first, at=T0 + 90 * DAY).weigh(shelf.order).utilities.tolist()
    assert first.weigh(shelf.order).utilities.tolist() == before != later


def test_what_is_shown_counts_from_then_on() -> None:
    shelf = shelf_of([animal("a"), animal("b")], {"a": 7.0})
    before, version = question_of(shelf).weigh(shelf.order).parts[:, 2].tolist(), shelf.version
    shelf.count_shown({"b": 7.0, "gone": 3.0})
    assert before[0] < before[1] == 0
    assert str(before[1]) == "0.0", "people read it"
    assert question_of(shelf).weigh(shelf.order).parts[:, 2].tolist() == [before[0]] * 2
    assert shelf.version > version


@given(stocks())
def test_every_animal_weighs_the_same_alone_and_among_all(stock: list[Animal]) -> None:
    shelf = shelf_of(stock)
    question = question_of(shelf, asked=Eligibility(kids=True, place=HERE))
    fitting = question.fitting(shelf.order[shelf.leads[shelf.order]])
    alone = [question.weigh(np.array([slot])).utilities[0] for slot in fitting.tolist()]
    everybody = question.utilities()
    assert everybody[fitting].tolist() == alone
    assert np.isfinite(everybody).sum() == len(fitting)
