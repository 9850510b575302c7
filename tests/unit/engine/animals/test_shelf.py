"""The shelf after any changes is the shelf that the same animals make when read at once."""

from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.domain.animals import Animal
from tests.unit.engine.animals.shelves import ids_of, shelf_of, stocks


@given(stocks(), stocks(), st.lists(st.integers(0, 24), max_size=8))
def test_changes_one_by_one_lead_to_the_shelf_that_is_read_at_once(
    before: list[Animal], after: list[Animal], gone: list[int]
) -> None:
    left = {one.animal_id: one for one in before}
    shelf = shelf_of(before)
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
    for name in ("listed", "kids", "photos", "unit", "latitude"):
        mine, theirs = (one.column(name, one.order).tolist() for one in (shelf, fresh))
        if name == "unit":
            mine, theirs = ([code < 0 for code in codes] for codes in (mine, theirs))
        assert repr(mine) == repr(theirs)
    of_groups = {shelf.ids[slot] for slots in shelf.of_group.values() for slot in slots}
    assert of_groups == set(left)
