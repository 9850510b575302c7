"""What is told of animals, step by step."""

from typing import Any

import pytest

from pawsonalize.animals.animal import AnimalStatus, Stay
from pawsonalize.animals.inventory import Inventory, InventoryReceipt
from pawsonalize.animals.listings import AnimalForm, Listing, read_listing
from pawsonalize.animals.tables.animals import AnimalQuery, Animals, Availability
from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.errors import Conflict, InvalidInput, NotFound
from pawsonalize.core.times import DAY
from tests.event_data import T0

BEAGLE = "2-Beagle-2-3"


@pytest.fixture
def inventory(animals: Animals) -> Inventory:
    return Inventory(animals)


def told(animal_id: str = "a1", at: int = T0, **more: Any) -> Listing:
    form = {"species": "dog", "breed": "beagle", "size": "M", "age": "adult", "name": "Rex"}
    return read_listing(AnimalForm(id=animal_id, **form | more), at)


def put(inventory: Inventory, listing: Listing, at: int = T0) -> InventoryReceipt:
    return inventory.put([listing], at, at)


def test_the_same_listing_twice_changes_nothing(
    inventory: Inventory, availability: Availability
) -> None:
    assert put(inventory, told()).created == 1
    before = availability.revision()
    assert put(inventory, told(at=T0 + 9), T0 + 9) == InventoryReceipt(unchanged=1)
    assert availability.revision() == before


def test_a_listing_without_a_status_leaves_it_as_it_is(inventory: Inventory) -> None:
    put(inventory, told())
    inventory.set_status("a1", AnimalStatus.HOLD, T0 + 1)
    assert put(inventory, told(name="Max"), T0 + 2).updated == 1
    held = inventory.get("a1")
    assert (held.name, held.status) == ("Max", "hold")


def test_who_is_listed_again_after_an_adoption_was_returned(inventory: Inventory) -> None:
    put(inventory, told())
    inventory.set_status("a1", AnimalStatus.ADOPTED, T0 + 1)
    put(inventory, told(status="available"), T0 + 5)
    steps = [(change.status, change.at - T0) for change in inventory.get("a1").history]
    assert steps == [("available", 0), ("adopted", 1), ("returned", 5), ("available", 5)]


def test_a_listing_from_before_an_adoption_does_not_undo_it(inventory: Inventory) -> None:
    put(inventory, told())
    inventory.set_status("a1", AnimalStatus.ADOPTED, T0 + 10)
    receipt = inventory.put([told(status="available")], T0 + 5, T0 + 20)
    assert receipt.status_kept == 1
    assert inventory.get("a1").status == "adopted"


def test_a_listing_of_any_age_may_end_that_an_animal_is_available(inventory: Inventory) -> None:
    put(inventory, told())
    inventory.put([told(status="adopted")], T0 - DAY, T0 + 20)
    assert inventory.get("a1").status == "adopted"


def test_a_step_that_is_not_allowed_is_refused_and_changes_nothing(inventory: Inventory) -> None:
    put(inventory, told())
    inventory.set_status("a1", AnimalStatus.ADOPTED, T0 + 1)
    with pytest.raises(Conflict, match="returned"):
        inventory.set_status("a1", AnimalStatus.AVAILABLE, T0 + 2)
    with pytest.raises(Conflict, match="since later"):
        inventory.set_status("a1", AnimalStatus.RETURNED, T0 + 2, at=T0)
    assert inventory.get("a1").status_at == T0 + 1


def test_an_adoption_told_late_ends_the_stay_when_it_happened(
    inventory: Inventory, catalogue: Catalogue
) -> None:
    put(inventory, told())
    inventory.set_status("a1", AnimalStatus.ADOPTED, T0 + DAY, at=T0 + 5)
    assert list(catalogue.stays(T0 + DAY)) == [Stay(BEAGLE, T0, T0 + 5)]


def test_a_corrected_breed_counts_from_now_on(inventory: Inventory, catalogue: Catalogue) -> None:
    put(inventory, told())
    put(inventory, told(breed="pug"), T0 + 5)
    assert list(catalogue.stays(T0 + DAY)) == [Stay(BEAGLE, T0, T0 + 5), Stay("2-Pug-2-3", T0 + 5)]


def test_an_animal_is_found_by_its_id_and_by_its_new_group_after_it_grew(
    inventory: Inventory, animals: Animals, availability: Availability
) -> None:
    put(inventory, told(birth_date="2025-07-01"))  # a puppy on T0, which is in May 2026
    later = T0 + 60 * DAY
    assert inventory.get("a1").group_at(T0).id == "2-Beagle-2-1"
    assert inventory.get("a1").group_at(later).id == "2-Beagle-2-2"
    assert availability.count(T0) == {"2-Beagle-2-1": 1}
    assert availability.count(later) == {"2-Beagle-2-2": 1}
    found = animals.available_of(["2-Beagle-2-1", "2-Beagle-2-2"], later)
    assert {item: [one.animal_id for one in there] for item, there in found.items()} == {
        "2-Beagle-2-2": ["a1"]
    }


def test_an_id_of_another_source_is_refused_and_costs_no_other(inventory: Inventory) -> None:
    put(inventory, told())
    receipt = inventory.put([told(source="other"), told("a2")], T0, T0)
    assert (receipt.created, [one.index for one in receipt.refused]) == (1, [0])


def test_an_id_that_many_stays_have_is_refused_soon(inventory: Inventory) -> None:
    days = [T0 - days * DAY for days in range(1, 241, 2)]
    stays = [told(intake_at=day, outcome_at=day + DAY) for day in days]
    receipt = inventory.put(stays, T0, T0)
    assert [one.index for one in receipt.refused] == list(range(100, 120))
    assert "is its id that of others?" in receipt.refused[0].reason
    assert inventory.get("a1").status == "removed"


def test_a_forgotten_animal_is_gone_with_its_stays(
    inventory: Inventory, catalogue: Catalogue
) -> None:
    put(inventory, told())
    inventory.forget("a1", T0)
    assert list(catalogue.stays(T0)) == []
    with pytest.raises(NotFound):
        inventory.get("a1")
    with pytest.raises(NotFound):
        inventory.forget("a1", T0)


def test_pages_go_through_all_animals_once(inventory: Inventory) -> None:
    inventory.put([told(f"a{number}") for number in range(5)], T0, T0)
    seen, after = [], None
    while True:
        found, after = inventory.page(AnimalQuery(2, after))
        seen += [animal.animal_id for animal in found]
        if after is None:
            break
    assert seen == ["a0", "a1", "a2", "a3", "a4"]


def test_a_bad_field_is_named(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, object]] = [
        ("birthDate", "last spring"),
        ("status", "asleep"),
        ("goodWithKids", "perhaps"),
        ("latitude", 91.0),
        ("fee", -1.0),
        ("name", "x" * 300),
        ("intakeAt", "whenever"),
    ]
    for field, value in cases:
        with subtests.test(field=field, value=value):
            snake = {
                "birthDate": "birth_date",
                "goodWithKids": "good_with_kids",
                "intakeAt": "intake_at",
            }
            wrong: Any = {snake.get(field, field): value}
            with pytest.raises(InvalidInput) as caught:
                told(**wrong)
            assert caught.value.field == field


def test_a_species_that_is_a_breed_to_others_is_its_breed() -> None:
    listing = read_listing(AnimalForm(id="g", species="Guinea Pig"), T0)
    assert listing.animal.group_at(T0).id == "4-Guinea_Pig-unknown-unknown"
