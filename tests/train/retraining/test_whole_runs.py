"""Runs from their begin to their end in one process, on a few events."""

import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, NotFound
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.commands.processes import run_worker
from pawsonalize.train.commands.trainings import BAD
from pawsonalize.train.retraining.runs import RETRAINING, Fate, RunOutcome, RunRecord, Runs, Trigger
from tests.e2e.retraining import Seen
from tests.event_data import T0
from tests.service_data import changed, make_service
from tests.train.retraining.conftest import SteppedClock
from tests.train.retraining.test_power_cuts import here

AS_OF = T0 + 1000


@pytest.fixture
def place(tmp_path: Path, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with events, in which nothing is trained; nobody waits for the clock."""
    monkeypatch.setattr("pawsonalize.core.clock.now", clock.now)
    make_service(tmp_path / "data", train=False)
    return tmp_path / "data"


def runs_of(view: Seen) -> Runs:
    return Runs(view.adapters.work, {})


def retrain(settings: Settings, view: Seen, now: int = AS_OF) -> RunRecord:
    """A run to its end."""
    runs_of(view).begin(Trigger.COMMAND, now)
    assert run_worker(changed(view.adapters, settings=settings), "only").work()
    return view.newest()


def test_nothing_new_is_not_trained_on_again(place: Path) -> None:
    with here(place) as (settings, view):
        for name in (RECOMMENDER, RERANKER):  # a second version would learn a ranker
            solution = view.adapters.registry.get(Solution, name)
            view.adapters.registry.update(replace(solution, settings={"learn": False}), AS_OF)
        assert retrain(settings, view).outcome is RunOutcome.PROMOTED
        again = retrain(settings, view, AS_OF + 1)
        assert again.outcome is RunOutcome.SKIPPED
        assert "no event has come" in again.reason
        assert view.versions() == {RECOMMENDER: 1, RERANKER: 1}
        assert view.told()["skipped"] == 1
        assert again.outcome not in BAD


def test_without_reranking_its_half_does_not_run(place: Path) -> None:
    with here(place) as (settings, view):
        record = retrain(replace(settings, reranking_enabled=False), view)
        assert {half.campaign: half.fate for half in record.halves} == {RECOMMENDER: Fate.PROMOTED}
        assert view.versions() == {RECOMMENDER: 1}


def test_a_run_of_a_solution_that_there_is_not_is_refused(place: Path) -> None:
    done = CliRunner().invoke(app, ["retrain", "--solution", "birds", "--data-dir", str(place)])
    assert isinstance(done.exception, NotFound), done.output
    assert "there is no solution named birds" in done.exception.message


def test_a_second_retraining_is_refused_and_names_the_first(place: Path) -> None:
    with here(place) as (_, view):
        first = runs_of(view).begin(Trigger.COMMAND, AS_OF)
        with pytest.raises(Conflict, match=f"{first.run_id} is not finished"):
            runs_of(view).begin(Trigger.COMMAND, AS_OF + 1)
        assert run_worker(view.adapters, "only").work()
        assert view.newest().outcome is RunOutcome.PROMOTED
        assert len(view.adapters.work.newest(RETRAINING, 9)) == 1


def test_campaigns_of_every_dataset_group_go_live_and_a_broken_one_costs_none(place: Path) -> None:
    with here(place) as (settings, view):
        adapters = view.adapters
        adapters.registry.create(DatasetGroup(name="shelter-b"), AS_OF)
        rows = adapters.log.read(0, adapters.log.head(), 1000)
        adapters.log.append(
            [dataclasses.replace(row.event, dataset_group="shelter-b") for row in rows]
        )
        for name, chosen in (("cats", {"learn": False}), ("dogs", {"no_such": 1})):
            solution = Solution(
                name=name, dataset_group="shelter-b", settings=chosen, recipe="user-personalization"
            )
            adapters.registry.create(solution, AS_OF)
            adapters.registry.create(Campaign(name=name, solution=name), AS_OF)
        record = retrain(settings, view)
        live = {half.campaign: half.solution_version for half in record.halves}
        assert {half.campaign: half.fate for half in record.halves} == {
            RECOMMENDER: Fate.PROMOTED,
            RERANKER: Fate.PROMOTED,
            "cats": Fate.PROMOTED,
            "dogs": Fate.FAILED,
        }
        assert view.campaign("cats").solution_version == live["cats"]
        assert view.campaign("dogs").solution_version is None
        assert view.told()["campaign-updated"] == 3
    shown = CliRunner().invoke(app, ["runs", "show", record.run_id, "--data-dir", str(place)])
    told = " ".join(shown.stdout.split())
    assert "cats (dataset group shelter-b): cats-" in told
    assert "dogs (dataset group shelter-b): there is no setting no_such" in told
