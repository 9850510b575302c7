"""A retraining that is cut off anywhere goes on where it was, and does everything once."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from pawsonalize.domain.times import iso
from pawsonalize.engine.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.engine.resources.solutions import SolutionVersion
from pawsonalize.engine.training.retraining.record import Step
from tests.e2e.conftest import Start, run
from tests.e2e.retraining import WORLD_END, Seen, copied, cut_power, make_world, seen, wait_until

_ATTEMPTS = 12
_NEWS = Counter({"training-started": 1, "promoted": 1, "campaign-updated": 2})
_STEPS = [
    Step.CHECK_DATA,
    Step.CREATE_VERSIONS,
    Step.AWAIT_VERSIONS,
    Step.EVALUATE,
    Step.UPDATE_CAMPAIGNS,
    Step.AWAIT_CAMPAIGNS,
    Step.NOTIFY,
]


def retrain(folder: Path, *more: str) -> None:
    begun = run("retrain", "--data-dir", str(folder), "--at", iso(WORLD_END), *more)
    assert begun.returncode == 0, begun.stderr


def assert_done_once(view: Seen) -> None:
    """The run has ended well, and nothing that it did was done twice."""
    record = view.ended()
    assert record.status == "promoted", record.reason
    assert [timing.step for timing in record.steps] == _STEPS
    assert view.versions() == {RECOMMENDER: 1, RERANKER: 1}
    for half in record.halves:
        campaign = view.campaign(half.campaign)
        assert campaign.solution_version == half.solution_version
        assert campaign.revision == 3, "created, updated, settled"
    assert view.told() == _NEWS
    assert view.drafts() == []


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


def in_step(step: Step) -> Callable[[Seen], bool]:
    """The record says that the step is being done."""

    def reached(view: Seen) -> bool:
        record = view.record()
        return record is not None and record.step is step and record.ended_at is None

    return reached


def created(view: Seen) -> bool:
    return in_step(Step.CREATE_VERSIONS)(view) and view.versions().total() == 2


def training(view: Seen) -> bool:
    """Inside a training: it has said how far it is, and is not done."""
    versions = view.adapters.registry.page(SolutionVersion, 2)
    return any(each.progress is not None and not each.status.is_settled for each in versions)


def saving(view: Seen) -> bool:
    """A training writes its model."""
    return view.drafts() != []


def half_judged(view: Seen) -> bool:
    record = view.record()
    judged = [half.decision is not None for half in record.halves] if record else []
    return in_step(Step.EVALUATE)(view) and any(judged)


def updated(view: Seen) -> bool:
    """A campaign is asked to serve the new version, and the record does not know it."""
    asked = view.campaign(RECOMMENDER).latest_update is not None
    return asked and in_step(Step.UPDATE_CAMPAIGNS)(view)


def told(view: Seen) -> bool:
    return in_step(Step.NOTIFY)(view) and view.told()["promoted"] == 1


@pytest.mark.parametrize(
    "moment",
    [
        *(pytest.param(in_step(step), id=step.value) for step in _STEPS),
        *(
            pytest.param(moment, id=f"after-effect-{moment.__name__}")
            for moment in (created, training, saving, half_judged, updated, told)
        ),
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
        assert_done_once(view)
        assert view.models() == undisturbed
        live = view.campaign(RECOMMENDER).solution_version

    def serves_it() -> bool:
        ready = httpx.get(f"{server.url}/readyz").json()
        return bool(ready.get("solutionVersion") == live)

    wait_until(serves_it)


def cut_off(world: Path, place: Path, moment: Callable[[Seen], bool]) -> Path:
    """A world whose retraining was cut off at that moment, which lasts milliseconds at times."""
    for attempt in range(_ATTEMPTS):
        folder = copied(world, place / str(attempt))
        with seen(folder) as view:
            retrain(folder, "--no-wait")
            if cut_power(view, partial(moment, view)):
                return folder
    pytest.fail(f"the moment was missed {_ATTEMPTS} times")
