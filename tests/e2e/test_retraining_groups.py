"""One run for several dataset groups, seen from outside: each campaign has its own fate."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.times import iso
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import generate
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.retraining.runs import Fate, RunRecord, Step
from tests.e2e.conftest import Start, run
from tests.e2e.retraining import SEED, WORLD_END, Seen, cut_power, kill_all, make_world, seen

SHELTER = "shelter-b"
LEARNING = Solution(name="cats", dataset_group=SHELTER, recipe="user-personalization")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default dataset group, and another one with events and two campaigns of its own.

    Of those, one can be trained; the other one's solution names a setting that there is not.
    """
    folder = tmp_path_factory.mktemp("world") / "data"
    make_world(folder)
    events = generate(WorldSettings(animals=150, adopters=800, events=16_000), SEED, WORLD_END)
    with opened(Settings(data_dir=folder)) as adapters:
        adapters.registry.create(DatasetGroup(name=SHELTER), WORLD_END)
        adapters.log.append(
            [dataclasses.replace(one, dataset_group=SHELTER) for one in events.events]
        )
        for name, settings in (("cats", {"learn": False}), ("dogs", {"no_such": 1})):
            solution = msgspec.structs.replace(LEARNING, name=name, settings=settings)
            adapters.registry.create(solution, WORLD_END)
            adapters.registry.create(Campaign(name=name, solution=name), WORLD_END)
    return folder


@pytest.fixture
def view(world: Path, tmp_path: Path) -> Iterator[Seen]:
    folder = tmp_path / "data"
    shutil.copytree(world, folder)
    with seen(folder) as view:
        yield view
        kill_all(folder)


def retrain(view: Seen, *more: str) -> RunRecord:
    arguments = ("--data-dir", str(view.folder), "--at", iso(WORLD_END), "--json", *more)
    done = run("retrain", *arguments)
    assert done.stdout, done.stderr
    return msgspec.json.decode(done.stdout, type=RunRecord)


def fates(record: RunRecord) -> dict[str, Fate]:
    return {half.campaign: half.fate for half in record.halves}


def test_every_dataset_groups_campaigns_go_live_and_a_broken_one_costs_none(
    view: Seen, start: Start
) -> None:
    server = start(view.folder)
    record = retrain(view)
    assert fates(record) == {
        RECOMMENDER: Fate.PROMOTED,
        RERANKER: Fate.PROMOTED,
        "cats": Fate.PROMOTED,
        "dogs": Fate.FAILED,
    }, record.reason
    assert view.told()["campaign-updated"] == 3
    shown = run("runs", "show", record.run_id, "--data-dir", str(view.folder)).stdout
    assert "cats (dataset group shelter-b): cats-" in shown
    assert "dogs (dataset group shelter-b): there is no setting no_such" in shown
    halves = httpx.get(f"{server.url}/v1/runs/{record.run_id}").json()["halves"]
    assert [half["datasetGroup"] for half in halves] == ["pawsonalize"] * 2 + [SHELTER] * 2
    assert view.campaign("cats").solution_version == record.halves[2].solution_version
    assert view.campaign("dogs").solution_version is None


@pytest.mark.nightly
def test_a_run_of_several_dataset_groups_goes_on_where_a_power_cut_ended_it(
    view: Seen, start: Start
) -> None:
    def some_are_judged() -> bool:
        record = view.record()
        judged = [half.decision is not None for half in record.halves] if record else []
        return any(judged) and record is not None and record.step is Step.EVALUATE

    arguments = ("--data-dir", str(view.folder), "--at", iso(WORLD_END), "--no-wait")
    assert run("retrain", *arguments).returncode == 0
    assert cut_power(view, some_are_judged)
    start(view.folder)
    record = view.ended()
    assert fates(record)["cats"] is Fate.PROMOTED, record.reason
    assert view.versions() == {RECOMMENDER: 1, RERANKER: 1, "cats": 1}
    assert view.told()["campaign-updated"] == 3
