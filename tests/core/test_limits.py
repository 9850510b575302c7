"""Messages of limits name the field, what is allowed, and what was sent."""

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.limits import check_between, check_length


@pytest.mark.parametrize(
    ("value", "said"), [(501, "501"), (0, "0"), (0.5, "0.5"), (12_345, "12,345"), (-3, "-3")]
)
def test_a_number_outside_its_bounds_is_named_with_them(value: float, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_between("limit", value, 1, 500)
    assert refused.value.message == f"limit must be from 1 to 500, not {said}"
    assert refused.value.field == "limit"
    check_between("limit", 1, 1, 500)
    check_between("limit", 500, 1, 500)


def test_what_is_too_long_is_named_with_its_length() -> None:
    with pytest.raises(InvalidInput, match="impression may have 25 ids, not 1,026"):
        check_length("impression", 1_026, 25, "ids")
    check_length("impression", 25, 25)
