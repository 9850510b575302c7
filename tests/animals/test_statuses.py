"""Which status may follow which."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawsonalize.animals.animal import STEPS, AnimalStatus, check_step, route
from pawsonalize.core.errors import Conflict

STATUSES = st.sampled_from(AnimalStatus)


def test_who_was_adopted_comes_back_only_as_returned() -> None:
    assert STEPS[AnimalStatus.ADOPTED] == {AnimalStatus.ADOPTED, AnimalStatus.RETURNED}
    with pytest.raises(Conflict, match="may become returned"):
        check_step(AnimalStatus.ADOPTED, AnimalStatus.AVAILABLE)


@given(STATUSES)
def test_every_status_may_be_said_again(status: AnimalStatus) -> None:
    check_step(status, status)
    assert route(status, status) == ()


def test_every_way_to_what_is_told_takes_allowed_steps_alone(subtests: pytest.Subtests) -> None:
    for old in AnimalStatus:
        for new in AnimalStatus:
            with subtests.test(old=old, new=new):
                way = route(old, new)
                for before, after in zip((old, *way), way, strict=False):
                    check_step(before, after)
                assert (way or (old,))[-1] is new


@given(st.lists(STATUSES, min_size=1))
def test_no_way_leads_from_adopted_to_available_without_a_return(told: list[AnimalStatus]) -> None:
    seen = [AnimalStatus.ADOPTED]
    for status in told:
        seen.extend(route(seen[-1], status))
    for before, after in pairwise(seen):
        assert before is not AnimalStatus.ADOPTED or after is AnimalStatus.RETURNED
