"""Work behind the requests gives way to them."""

import os
import subprocess
import sys

import pytest

_GIVE_WAY = """
import os
from pawsonalize.app.cli.low_priority import give_way
cores = os.sched_getaffinity(0)
{before}
give_way()
give_way()
print(os.nice(0), len(cores), len(os.sched_getaffinity(0)))
"""


def after_giving_way(before: str = "") -> list[int]:
    """Niceness, cores before and cores after, in a process of its own."""
    code = _GIVE_WAY.format(before=before)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [int(word) for word in told.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="cores are given away on Linux alone")
def test_it_leaves_a_core_to_requests_and_goes_after_all_other_work() -> None:
    nice, before, after = after_giving_way()
    assert nice >= 10
    if os.nice(0) < 10:
        assert after == max(1, before - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="cores are given away on Linux alone")
def test_who_was_started_by_one_that_gave_way_takes_its_cores() -> None:
    nice, before, after = after_giving_way("os.nice(max(0, 12 - os.nice(0)))")
    assert nice >= 12
    assert after == before
