"""A search of the inventory: what it offers, and what it reads again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.domain.animal_words import AnimalWords, read_words
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.attributes import GoodWith
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.animals.available_watch import (
    AvailableAnimalsWatch,
    InventorySearch,
)
from pawsonalize.storage.animals.animals import Animals, Availability
from pawsonalize.storage.animals.exposures import AnimalExposures
from pawsonalize.storage.database import Database
from tests.animal_data import animal
from tests.event_data import T0


def beagle(animal_id: str, **more: Any) -> Animal:
    return replace(animal(animal_id, "2-Beagle-2-3", name=f"Rex {animal_id}", listed=T0), **more)


@pytest.fixture
def animals(tmp_path: Path) -> Iterator[Animals]:
    database = Database(f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}")
    yield Animals(database)
    database.close()


@pytest.fixture
def searching(animals: Animals) -> InventorySearch:
    database = animals._database
    availability, exposures = Availability(database), AnimalExposures(database)
    return InventorySearch(animals, AvailableAnimalsWatch(animals, availability, exposures, {}))


def test_whoever_fits_better_has_a_lower_level(
    animals: Animals, searching: InventorySearch
) -> None:
    yes, no = GoodWith.YES, GoodWith.NO
    batch = beagle("a"), beagle("b", good_with_cats=yes), beagle("c", good_with_cats=no)
    animals.put([*batch, beagle("d", breed="Boxer", good_with_cats=yes)], T0)
    found = searching.find("beagles good with cats", T0 + DAY)
    assert sorted(found.levels, key=found.levels.__getitem__) == ["b", "a"]
    assert found.household == ["cats"]
    assert not found.is_nearest
    assert found.suggestion is None


def test_a_typing_error_is_mended_where_nobody_fits(
    animals: Animals, searching: InventorySearch
) -> None:
    animals.put([beagle("a")], T0)
    found = searching.find("beegle", T0 + DAY)
    assert (list(found.levels), found.suggestion, found.is_mended) == (["a"], "beagle", True)
    assert not found.is_nearest
    found = searching.find("beegle", T0 + DAY, as_written=True)
    assert (list(found.levels), found.suggestion, found.is_mended) == ([], "beagle", False)


def test_a_likelier_word_is_offered_where_a_word_is_only_the_beginning_of_one(
    animals: Animals, searching: InventorySearch
) -> None:
    animals.put([beagle("a", name="Belafonte"), beagle("b", name="Bella")], T0)
    found = searching.find("bela", T0 + DAY)
    assert (list(found.levels), found.suggestion, found.is_mended) == (["a"], "bella", False)


def test_where_nobody_fits_all_words_those_who_fit_most_are_found(
    animals: Animals, searching: InventorySearch
) -> None:
    small, cat = beagle("s", size="1", breed="Pug"), animal("c", "1-Manx-1-1", listed=T0)
    animals.put([small, beagle("a"), beagle("b", good_with_kids=GoodWith.NO), cat], T0)
    for text, nearest in (
        ("small beagle", ["a", "b", "s"]),
        ("small hairless dog", ["s"]),
        ("husky", ["a", "b", "s"]),  # of the same species
        ("small beagle for kids", ["a", "s"]),
        ("hamster", []),
        ("qwertz", []),
        ("", []),
    ):
        found = searching.find(text, T0 + DAY)
        assert sorted(found.levels) == nearest, text
        assert found.is_nearest


def test_a_search_knows_what_changed_and_reads_nothing_else_again(
    animals: Animals, searching: InventorySearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    animals.put([beagle("a"), beagle("b"), beagle("c")], T0)
    assert list(searching.find("rex", T0 + DAY).levels) == ["a", "b", "c"]
    read: list[str] = []

    def noted(one: Animal, age: str) -> AnimalWords:
        read.append(one.animal_id)
        return read_words(one, age)

    monkeypatch.setattr("pawsonalize.engine.serving.animals.available_watch.read_words", noted)
    animals.put([beagle("b", name="Tom"), beagle("d")], T0 + DAY)
    animals.remove(["c"], T0 + DAY)
    assert list(searching.find("rex", T0 + 2 * DAY).levels) == ["a", "d"]
    assert list(searching.find("tom", T0 + 2 * DAY).levels) == ["b"]
    assert sorted(read) == ["b", "d"]


def test_an_animal_that_grew_up_is_no_puppy_any_more(
    animals: Animals, searching: InventorySearch
) -> None:
    born = (datetime.fromtimestamp(T0 / 1000, UTC) - timedelta(days=360)).date()
    animals.put([beagle("a", born=born)], T0)
    assert list(searching.find("puppy", T0 + 1).levels) == ["a"]
    assert searching.find("puppy", T0 + 30 * DAY).is_nearest


def test_no_search_waits_while_another_one_reads_what_changed(
    animals: Animals, searching: InventorySearch
) -> None:
    animals.put([beagle("a")], T0)
    searching.find("beagle", T0 + DAY)
    animals.put([beagle("b")], T0)
    with ThreadPoolExecutor(1) as another, searching._lock:
        found = another.submit(searching.find, "beagle", T0 + DAY)
        assert list(found.result(timeout=30).levels) == ["a"]
    assert list(searching.find("beagle", T0 + DAY).levels) == ["a", "b"]
