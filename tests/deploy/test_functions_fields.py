"""The functions read fields by the rules of the service, without its code."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.limits import parse_id
from pawsonalize.core.times import parse_moment
from pawsonalize_functions import fields
from pawsonalize_functions.fields import Refused

PARTS = (
    st.text(max_size=8)
    | st.text("-_ ab1\u00e9\t\x00\ud800", max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.just("x" * 90)
    | st.just(10**300)
    | st.lists(st.integers(), max_size=1)
)
MOMENTS = (
    PARTS
    | st.datetimes().map(lambda one: one.isoformat())
    | st.datetimes(timezones=st.timezones()).map(str)
    | st.integers(-(10**13), 10**13)
    | st.integers(6 * 10**8, 5 * 10**9).map(str)
)
GROUP_IDS = st.text("-ab ", max_size=9)


def outcome(read: Callable[[], Any]) -> Any:
    """What is read, or the field that is wrong with why."""
    try:
        return read()
    except (Refused, InvalidInput) as error:
        return error.field, error.message


@given(st.tuples(PARTS, PARTS, PARTS, PARTS))
def test_a_group_is_the_service_s_group_or_refused_in_its_words(parts: Any) -> None:
    metadata = dict(zip(fields.GROUP_FIELDS, parts, strict=True))
    ours = outcome(lambda: fields.group_of(metadata))
    assert ours == outcome(lambda: AnimalGroup.of(*parts).id)


@given(PARTS)
def test_an_id_is_the_service_s_id_or_refused_in_its_words(value: Any) -> None:
    assert outcome(lambda: fields.read_id(value, "x")) == outcome(lambda: parse_id(value, "x"))


@given(MOMENTS)
def test_a_moment_is_the_service_s_moment_or_refused_in_its_words(value: Any) -> None:
    ours = outcome(lambda: fields.read_moment(value, "sentAt"))
    assert ours == outcome(lambda: parse_moment(value, "sentAt"))


@given(GROUP_IDS)
def test_an_item_is_a_group_where_the_service_says_so(item_id: str) -> None:
    assert fields.is_group(item_id) == (AnimalGroup.parse(item_id) is not None)


@pytest.mark.parametrize("name", ["user_id", "UserId", "userIds", "usrId"])
def test_a_misspelt_name_is_refused_with_the_right_one(name: str) -> None:
    with pytest.raises(Refused, match=f"there is no field {name}: write userId"):
        fields.check_names({name: 1}, ["userId", "at"])


@pytest.mark.parametrize("name", ["page", "user", "ab", "a", "timestamp", "userIdentity"])
def test_another_name_does_not_matter(name: str) -> None:
    fields.check_names({name: 1}, ["userId", "at"])


@pytest.mark.parametrize("text", ["{", "NaN", "[Infinity]", b"\xff{}", "[" * 100_000, ""])
def test_what_is_no_json_is_refused(text: Any) -> None:
    with pytest.raises(Refused, match="JSON"):
        fields.read_json(text)
