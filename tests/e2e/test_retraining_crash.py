"""A retraining that is cut off anywhere goes on where it was, and does everything once.

One power cut of real processes is in the suite, all others are in the nightly one. In the suite,
tests/train/retraining/test_power_cuts.py has each of these moments in one process.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pawsonalize.core.times import iso
from pawsonalize.resources.defaults import RECOMMENDER
from tests.e2e.conftest import PATIENCE_SECONDS, Start, run
from tests.e2e.retraining import (
    MOMENTS,
    WORLD_END,
    Seen,
    assert_done_once,
    copied,
    cut_power,
    make_world,
    seen,
)
from tests.waiting import wait_until

_ATTEMPTS = 12
_IN_THE_SUITE = {"after-effect-training"}


def retrain(folder: Path, *more: str) -> None:
    begun = run("retrain", "--data-dir", str(folder), "--at", iso(WORLD_END), *more)
    assert begun.returncode == 0, begun.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "data"
    make_world(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models of a run that nothing happens to."""
    folder = copied(world, tmp_path_factory.mktemp("undisturbed") / "data")
    retrain(folder)
    with seen(folder) as view:
        assert_done_once(view)
        return view.models()


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, id=name, marks=() if name in _IN_THE_SUITE else (pytest.mark.nightly,))
        for name, moment in MOMENTS.items()
    ],
)
def test_a_power_cut_at_any_moment_costs_nothing_but_time(
    world: Path,
    undisturbed: dict[str, str],
    start: Start,
    tmp_path: Path,
    moment: Callable[[Seen], bool],
) -> None:
    folder = cut_off(world, tmp_path, moment)
    server = start(folder)
    with seen(folder) as view:
        view.ended()
        assert_done_once(view)
        assert view.models() == undisturbed
        live = view.campaign(RECOMMENDER).solution_version

    def serves_it() -> bool:
        with server.client() as client:
            return bool(client.get("/readyz").json().get("solutionVersion") == live)

    wait_until(serves_it, PATIENCE_SECONDS)


def cut_off(world: Path, place: Path, moment: Callable[[Seen], bool]) -> Path:
    """A world whose retraining was cut off at that moment, which lasts milliseconds at times."""
    for attempt in range(_ATTEMPTS):
        folder = copied(world, place / str(attempt))
        with seen(folder) as view:
            retrain(folder, "--no-wait")
            if cut_power(view, partial(moment, view)):
                return folder
    pytest.fail(f"the moment was missed {_ATTEMPTS} times")
