from typing import Annotated, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pawsonalize.core.errors import CorruptArtefact
from pawsonalize.models.recipes.artefact import (
    Kept,
    Stored,
    below,
    pack_strings,
    take,
    unpack_strings,
)
from pawsonalize.models.recipes.catalogue import RECIPES
from pawsonalize.models.recipes.data import Facets, Int32s, Returned, Singles
from pawsonalize.testing.recipe_checks import NOW, quick, walks

_INDEX = """
    item_ids.bytes uint8 1, item_ids.offsets int64 1, cell_names.bytes uint8 1,
    cell_names.offsets int64 1, cells int64 2"""
_COVISITS = "covisits.starts int64 1, covisits.columns int32 1, covisits.values float32 1"
_POPULARITY = "popularity float32 1, cell_popularity float32 1"
_MIXTURE = f"""{_INDEX}, {_COVISITS}, {_POPULARITY},
    transitions.starts int64 1, transitions.columns int32 1, transitions.values float32 1,
    related_items.starts int64 1, related_items.columns int32 1, related_items.values float32 1,
    related_items_base float32 1, usual_availability float32 1, facets.names.bytes uint8 1,
    facets.names.offsets int64 1, facets.starts int64 1, facets.items int32 1,
    facets.counts float64 1, returns.chosen float32 1, returns.returned float32 1,
    learned.forward.starts int64 1, learned.forward.columns int32 1,
    learned.forward.values float32 1, learned.backward.starts int64 1,
    learned.backward.columns int32 1, learned.backward.values float32 1,
    learned.log.offsets int64 1, learned.log.items int32 1, learned.postings.starts int64 1,
    learned.postings.users int32 1, learned.postings.positions int32 1,
    learned.postings.idf float32 1, learned.popularity float32 1, learned.recent float32 2,
    learned.codes int32 2, learned.columns.bytes uint8 1, learned.columns.offsets int64 1,
    learned.source float32 2, learned.targets float32 2, learned.linear.columns int64 1,
    learned.linear.numbers float64 2, learned.trees uint8 1, classes.values.bytes uint8 1,
    classes.values.offsets int64 1, classes.facets.bytes uint8 1, classes.facets.offsets int64 1,
    classes.size float64 1, classes.traits float64 2, classes.answers float64 2"""
_BASELINE = f"{_INDEX}, popularity float64 1"
_NEIGHBOURS = f"""{_BASELINE}, neighbours.starts int64 1, neighbours.columns int32 1,
    neighbours.values float32 1"""
LAYOUTS = {
    "popularity-count": f"{_INDEX}, {_POPULARITY}",
    "similar-items": f"{_INDEX}, {_COVISITS}, {_POPULARITY}, first_event int64 1",
    "trending-now": f"""{_INDEX}, recent.step int64 1, recent.item int32 1, recent.user int32 1,
        visits.numbers int64 1, visits int64 2""",
    "user-personalization": _MIXTURE,
    "personalized-ranking": _MIXTURE,
    "next-best-action": """
        actions.bytes uint8 1, actions.offsets int64 1, rates float64 1, lifts float32 3""",
    "random": _BASELINE,
    "own-history": _BASELINE,
    "attributes": f"{_BASELINE}, codes int32 2",
    "item-knn": _NEIGHBOURS,
    "ease": f"{_BASELINE}, matrix float32 2",
    "item-transitions": _NEIGHBOURS,
}
"""Name, type and number of axes of each array. Artefacts that are stored have these."""


@given(st.lists(st.text()))
def test_any_texts_come_back_as_they_were(texts: list[str]) -> None:
    assert unpack_strings("ids", pack_strings("ids", texts)) == tuple(texts)


def test_lone_surrogates_survive_too() -> None:
    assert unpack_strings("ids", pack_strings("ids", ["\ud800"])) == ("\ud800",)


@pytest.mark.parametrize(
    "offsets", [[], [1, 3], [0, 2], [0, 3, 1, 3]], ids=["none", "late", "short", "falling"]
)
def test_offsets_that_do_not_fit_are_refused(offsets: list[int]) -> None:
    packed = {**pack_strings("ids", ["abc"]), "ids.offsets": np.array(offsets, np.int64)}
    with pytest.raises(CorruptArtefact, match="offsets of 'ids'"):
        unpack_strings("ids", packed)


def test_bytes_that_are_no_text_are_refused() -> None:
    packed = {**pack_strings("ids", ["abc"]), "ids.bytes": np.full(3, 255, np.uint8)}
    with pytest.raises(CorruptArtefact, match="UTF-8"):
        unpack_strings("ids", packed)


def test_the_message_names_the_array_and_what_is_wrong() -> None:
    arrays = {"x": np.zeros((2, 3), np.float32)}
    assert take(arrays, "x", np.float32, (None, 3)).shape == (2, 3)
    with pytest.raises(CorruptArtefact, match="lacks the array 'y'"):
        take(arrays, "y", np.float32, (2,))
    with pytest.raises(CorruptArtefact, match="'x' holds float32, expected int64"):
        take(arrays, "x", np.int64, (2, 3))
    with pytest.raises(CorruptArtefact, match=r"'x' has shape \(2, 3\), expected \(3,\)"):
        take(arrays, "x", np.float32, (3,))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_arrays_of_a_recipe_have_the_names_and_types_of_those_that_are_stored(
    recipe: str,
) -> None:
    data = walks()
    devices = (np.arange(len(data)) % 2).astype(np.int32)[:, np.newaxis]
    full = replace(
        data,
        facets=Facets(("context.DEVICE",), (("phone", "desktop"),), devices),
        returned=Returned(np.arange(9, dtype=np.int32), np.full(9, NOW - 1000, np.int64)),
    )
    arrays = RECIPES[recipe].fit(full, quick(RECIPES[recipe]), 7).arrays()
    found = {f"{name} {array.dtype} {array.ndim}" for name, array in arrays.items()}
    assert found == {" ".join(one.split()) for one in LAYOUTS[recipe].split(",")}


class Steps(Stored, frozen=True):
    """A part: a row for each of some items, and a column of the item that follows."""

    following: Annotated[Int32s, Kept("following", "rows", below("rows"))]


class Shelter(Stored, frozen=True):
    """Names, what is kept of each by its own name or in a part, and what is not kept."""

    names: Annotated[tuple[str, ...], Kept("dogs", "dogs")]
    sizes: Annotated[Singles, Kept("dogs.sizes", "2 dogs")]
    steps: Annotated[Steps, Kept("steps.", "dogs")]
    lost: Annotated[Steps | None, Kept("lost.", "dogs")]
    note: str


SHELTER = Shelter(
    ("Nina", "Bo"), np.ones((2, 2), np.float32), Steps(np.array([1, 0], np.int32)), None, "-"
)


def test_what_is_kept_comes_back_and_what_is_not_is_given() -> None:
    arrays = SHELTER.arrays()
    assert list(arrays) == ["dogs.bytes", "dogs.offsets", "dogs.sizes", "steps.following"]
    again = Shelter.from_arrays(arrays, lost=None, note="other")
    assert (again.names, again.note) == (SHELTER.names, "other")
    assert again.sizes.tobytes() == SHELTER.sizes.tobytes()
    assert again.steps.following.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("dogs.sizes", np.ones((2, 3), np.float32), r"'dogs.sizes' has shape \(2, 3\)"),
        ("dogs.sizes", np.ones((2, 2)), "'dogs.sizes' holds float64"),
        ("steps.following", np.zeros(3, np.int32), r"'steps.following' has shape \(3,\)"),
        ("steps.following", np.array([0, 2], np.int32), "'steps.following' points outside 0…1"),
    ],
)
def test_what_does_not_fit_is_named_with_the_place_it_has_in_the_artefact(
    name: str, array: Any, message: str
) -> None:
    with pytest.raises(CorruptArtefact, match=message):
        Shelter.from_arrays({**SHELTER.arrays(), name: array}, lost=None, note="")
