import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.recipes.artefact import pack_strings, take, unpack_strings


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
