import time

import numpy as np
import pytest

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.items import ItemIndex
from pawsonalize.testing.recipe_checks import GROUPS, described, undescribed

ATTRIBUTES = ("species", "breed", "size", "age")
INDEX = ItemIndex.build(GROUPS, undescribed(len(GROUPS)))


def names(item_id: str) -> list[str | None]:
    """The cells of an id in words, narrow to wide; None where no catalogue item is in it."""
    cells = INDEX.cells_of_id(item_id) or ()
    return [
        None if cell == INDEX.n_cells else INDEX.cell_names[cell].replace("\x1f", " ")
        for cell in cells
    ]


def test_an_item_backs_off_from_breed_to_size_and_age_to_species() -> None:
    expected = ["species breed 2 Shih-Tzu", "species size age 2 1 3", "species 2"]
    assert names("2-Shih-Tzu-1-3") == expected


def test_what_is_unknown_of_an_outside_group_is_left_out() -> None:
    assert names("2-Poodle-1-1") == [None, "species size age 2 1 1", "species 2"]
    assert names("2-Beagle-9-9") == ["species breed 2 Beagle", None, "species 2"]
    assert names("1-Beagle-9-9") == [None, None, "species 1"]


def test_where_nothing_is_known_there_is_no_cell(subtests: pytest.Subtests) -> None:
    for text in ["", "x", "9-Dragon-1-1", "2-1-1", "\x1f", "----"]:
        with subtests.test(text=text):
            assert INDEX.cells_of_id(text) is None
            assert (INDEX.cells_of_ids([text]) == INDEX.n_cells).all()


def test_a_catalogue_item_is_in_the_cells_that_its_id_names() -> None:
    assert (INDEX.cells[:, :-1] == INDEX.cells_of_ids(GROUPS)).all()
    assert (INDEX.cells[:, -1] == INDEX.n_cells).all()


def test_a_description_says_the_same_as_the_id() -> None:
    rows = [(g[0], g[2:-4], g[-3], g[-1]) for g in GROUPS]
    other = ItemIndex.build(GROUPS, described(rows, ATTRIBUTES))
    assert other.cell_names == INDEX.cell_names
    assert (other.cells == INDEX.cells).all()


def test_where_families_are_described_a_breed_backs_off_to_its_family_first() -> None:
    groups = ("2-Pug-1-1", "2-Beagle-2-3", "2-Dragon-2-3")
    rows = [
        ("2", "Pug", "1", "1", "toy_companion"),
        ("2", "Beagle", "2", "3", "hound"),
        ("2", "Dragon", "2", "3", None),
    ]
    index = ItemIndex.build(groups, described(rows, (*ATTRIBUTES, "family")))
    assert len(index.cells) == 4
    assert (index.cells[:, :3] == index.cells_of_ids(groups)).all()
    assert index.cells[1, 2] == index.n_cells, "nobody knows a dragon's family"
    breed, *wider = index.cells_of_id("2-Basset_Hound-1-1") or ()
    assert breed == index.n_cells
    assert [index.cell_names[cell].replace("\x1f", " ") for cell in wider] == [
        "species family 2 hound",
        "species size age 2 1 1",
        "species 2",
    ]
    assert ItemIndex.from_arrays(index.arrays()).cells_of_id(groups[0]) == index.cells_of_id(
        groups[0]
    )


def test_other_attributes_are_a_level_each() -> None:
    films = ("a", "b", "c")
    rows = [("drama", "1999"), ("drama", None), (None, None)]
    index = ItemIndex.build(films, described(rows, ("genre", "year")))
    assert index.cells[:, :3].tolist() == [[0, 0, 2], [1, 2, 2]]
    assert index.cells_of_id("2-Beagle-1-1") is None
    assert index.cells_of_ids(["2-Beagle-1-1"]).shape == (2, 1)


def test_a_catalogue_that_knows_only_the_species_has_that_level_alone() -> None:
    index = ItemIndex.build(("x", "y"), described([("2",), ("1",)], ("species",)))
    assert index.cells[:, :2].tolist() == [[0, 1]]
    assert index.cells_of_ids(["2-Beagle-1-1"]).tolist() == [[2]]


def test_an_index_comes_back_from_its_arrays() -> None:
    again = ItemIndex.from_arrays(INDEX.arrays())
    assert again.ids == INDEX.ids
    assert again.cells_of_id("2-Poodle-1-1") == INDEX.cells_of_id("2-Poodle-1-1")


def test_cells_that_point_nowhere_are_a_corrupt_artefact() -> None:
    with pytest.raises(CorruptArtefact, match="cells"):
        ItemIndex.from_arrays({**INDEX.arrays(), "cells": INDEX.cells + 99})


def test_five_hundred_unknown_ids_take_a_moment() -> None:
    unknown = [f"2-Breed_{number}-1-1" for number in range(500)]
    spent = []
    for _ in range(20):
        start = time.process_time()
        INDEX.cells_of_ids(unknown)
        spent.append(time.process_time() - start)
    assert np.median(spent) < 0.005  # measured 0.0006; the bound only catches another order


def test_of_several_values_of_one_attribute_the_first_makes_the_cell() -> None:
    genres = described([("Crime", "Drama"), ("Drama", None), (None, None)], ("GENRE", "GENRE"))
    index = ItemIndex.build(("m1", "m2", "m3"), genres)
    assert len(index.cells) == 1
    assert [index.cell_names[cell] for cell in index.cells[0, :2]] == [
        "GENRE\x1fCrime",
        "GENRE\x1fDrama",
    ]
    assert index.cells[0, 2] == index.n_cells
