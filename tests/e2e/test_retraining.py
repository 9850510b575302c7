"""Retraining, seen from outside: what goes live, what does not, and who may do it.

tests/workflow has what can be shown in one process.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.roles import WORK
from pawsonalize.core.times import DAY, iso
from pawsonalize.core.work.servers import this_process
from pawsonalize.resources.defaults import RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.retraining.runs import RETRAINING, Fate, RunOutcome, RunRecord
from tests.e2e.conftest import PATIENCE_SECONDS, Start, run
from tests.e2e.retraining import (
    WORLD_END,
    Seen,
    copied,
    kill_all,
    make_world,
    processes,
    seen,
)
from tests.waiting import wait_until

AT = ("--at", iso(WORLD_END))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "data"
    make_world(folder)
    return folder


@pytest.fixture
def folder(world: Path, tmp_path: Path) -> Path:
    return copied(world, tmp_path / "data")


@pytest.fixture
def view(folder: Path) -> Iterator[Seen]:
    with seen(folder) as view:
        yield view
        kill_all(folder)


def retrain(folder: Path, *more: str, **settings: str) -> RunRecord:
    """A run to its end, and what it says of itself."""
    done = run("retrain", "--data-dir", str(folder), *AT, "--json", *more, **settings)
    assert done.stdout, done.stderr
    return msgspec.json.decode(done.stdout, type=RunRecord)


def fates(record: RunRecord) -> dict[str, Fate]:
    return {half.campaign: half.fate for half in record.halves}


def serve_older(folder: Path, solution: str, *more: str) -> str:
    """Let a version be live that knows all but the last ten days."""
    then = iso(WORLD_END - 10 * DAY)
    done = run(
        "train", "--data-dir", str(folder), "--solution", solution, "--at", then, "--json", *more
    )
    assert done.returncode == 0, done.stderr
    name: str = json.loads(done.stdout)[0]["name"]
    return name


def test_a_better_version_goes_live_over_a_sabotaged_one(
    folder: Path, view: Seen, start: Start
) -> None:
    server = start(folder)
    sabotaged = serve_older(
        folder, RECOMMENDER, "--recipe", "popularity-count", "--set", "smoothing=0.1"
    )
    wait_until(lambda: view.campaign(RECOMMENDER).solution_version == sabotaged, PATIENCE_SECONDS)
    record = retrain(folder)
    assert fates(record) == {RECOMMENDER: Fate.PROMOTED, RERANKER: Fate.PROMOTED}, record.reason
    promoted = record.halves[0].solution_version
    assert record.halves[0].live_version == sabotaged
    assert view.campaign(RECOMMENDER).previous_version == sabotaged

    def serves_it() -> bool:
        with server.client() as client:
            return bool(client.get("/readyz").json()["solutionVersion"] == promoted)

    wait_until(serves_it, PATIENCE_SECONDS)


def test_data_that_nothing_can_be_learned_from_fail_with_the_fix(tmp_path: Path) -> None:
    with opened(Settings(data_dir=tmp_path / "empty")) as adapters:
        adapters.servers.table.heartbeat(this_process((WORK,), 1, 8080))
    done = run("retrain", "--data-dir", str(tmp_path / "empty"), "--json")
    assert done.returncode == 1
    said = " ".join(done.stderr.split())
    assert ":8080 does the run, the settings it was started with count" in said
    record = msgspec.json.decode(done.stdout, type=RunRecord)
    assert record.outcome is RunOutcome.FAILED
    assert record.findings[0]["severity"] == "blocking"
    assert record.findings[0]["fix"] in record.reason


@contextmanager
def held_up(folder: Path) -> Iterator[list[int]]:
    """Trainings that stand still while the block runs."""
    wait_until(lambda: len(processes(folder, "train-version")) == 2, PATIENCE_SECONDS)
    trainings = processes(folder, "train-version")
    assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in trainings} == {10}
    for pid in trainings:
        os.kill(pid, signal.SIGSTOP)
    yield trainings
    for pid in set(trainings) & set(processes(folder, "train-version")):
        os.kill(pid, signal.SIGCONT)


def test_cancelling_kills_the_trainings_and_leaves_nothing_half_written(
    folder: Path, view: Seen
) -> None:
    run("retrain", "--data-dir", str(folder), "--no-wait")
    with held_up(folder):
        run_id = view.newest().run_id
        cancelled = run("runs", "cancel", run_id, "--data-dir", str(folder))
    assert cancelled.returncode == 0, cancelled.stderr
    assert f"{run_id} is cancelled" in cancelled.stdout
    wait_until(lambda: not processes(folder))
    versions = list(view.adapters.registry.all(SolutionVersion))
    assert {each.status for each in versions} == {Status.CREATE_STOPPED}
    assert not list((folder / "models").glob("*"))
    assert view.campaign(RECOMMENDER).latest_update is None
    assert view.told()["cancelled"] == 1


def test_the_api_begins_a_run_that_the_server_brings_to_its_end(
    folder: Path, view: Seen, start: Start
) -> None:
    server = start(folder, "--workers", "2")
    answer = httpx.post(f"{server.url}/v1/runs", json={"at": iso(WORLD_END)})
    assert answer.status_code == 202
    run_id = answer.json()["runId"]
    assert httpx.post(f"{server.url}/v1/runs", json={}).status_code == 409
    assert view.ended().status == "promoted"
    shown = httpx.get(f"{server.url}/v1/runs/{run_id}").json()
    assert shown["status"] == "promoted"
    assert httpx.post(f"{server.url}/v1/runs/{run_id}/cancel").status_code == 409
    assert server.stop() == 0


def test_stopping_the_server_leaves_the_run_to_the_next_one(
    folder: Path, view: Seen, start: Start
) -> None:
    server = start(folder)
    httpx.post(f"{server.url}/v1/runs", json={"at": iso(WORLD_END)})
    with held_up(folder):
        assert server.stop() == 0
        assert processes(folder, "work") == []
        running = view.adapters.work.open(RETRAINING)
        assert running is not None
        assert view.adapters.leases.is_gone(running.name)
    start(folder)
    record = view.ended()
    assert record.status == "promoted", record.reason
    assert {half.trainings for half in record.halves} == {1}, "they went on by themselves"
