"""Answers packed: every id comes back, in the same order, and every number to the last digit."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.recommend.tables import pack, packed_id, unpack, unpacked_id
from pawsonalize.resources.kind import new_recommendation_id

_NEW = "RID-019e35ce-b600-7022-9f99-71854efd6f29"


@given(st.text())
def test_any_text_comes_back(name: str) -> None:
    assert unpacked_id(packed_id(f"RID-{name}")) == f"RID-{name}"
    if name:
        assert unpacked_id(packed_id(name)) == name


@pytest.mark.parametrize("odd", [_NEW.upper(), _NEW[4:], _NEW + "0", _NEW.replace("-", "", 2)])
def test_only_what_is_written_as_we_write_it_is_taken_for_an_id_of_ours(odd: str) -> None:
    assert len(packed_id(_NEW)) == 16
    assert packed_id(odd) != packed_id(_NEW)
    assert unpacked_id(packed_id(odd)) == odd


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=2, unique=True))
def test_packed_ids_have_the_order_of_time(moments: list[int]) -> None:
    first, second = map(new_recommendation_id, sorted(moments))
    assert b"" == packed_id("") < packed_id(first) < packed_id(second)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_kept_to_the_last_digit(numbers: list[float]) -> None:
    kept = msgspec.json.decode(unpack(pack(numbers)))
    assert [float(one) for one in kept] == numbers
