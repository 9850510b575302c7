"""Trainings in processes of their own: stopped or killed halfway, and begun again."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import as_environment
from pawsonalize.core import clock
from pawsonalize.core.work.leases import holder
from pawsonalize.resources.kind import Status
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.commands import trainings
from pawsonalize.train.trainings import TrainingProcesses
from tests.e2e.conftest import environment, run
from tests.event_data import T0
from tests.service_data import changed, make_service
from tests.waiting import wait_until

SLOW = str(Path(__file__).parents[1] / "slow_training.py")


@contextmanager
def service(folder: Path) -> Iterator[tuple[Adapters, TrainingProcesses]]:
    """A data folder, and trainings in it that pause with half an artefact written."""
    settings = make_service(folder, train=False)
    with opened(settings) as adapters:
        slow = TrainingProcesses(
            adapters.registry,
            adapters.artefacts,
            adapters.leases,
            command=(sys.executable, SLOW),
            environment={
                **environment(),
                **as_environment(settings),
                "PYTHONPATH": str(Path.cwd()),
            },
        )
        yield adapters, slow
        slow.close()


def create(adapters: Adapters, name: str) -> SolutionVersion:
    return adapters.versions.create("recommender", as_of=T0 + 1000, now=T0, name=name)


def drafts(folder: Path) -> list[Path]:
    return list(folder.glob("models/.draft-*/*.npy"))


def artefact(folder: Path, name: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "models" / name).iterdir()}


def trained(adapters: Adapters, name: str) -> SolutionVersion:
    adapters.trainings.start(name, clock.now())
    wait_until(lambda: not adapters.trainings.alive(name))
    return adapters.trainings.look(name, clock.now())


def test_after_kill_9_of_a_training_trying_again_gives_the_same_model(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with service(folder) as (adapters, slow):
        for name in ("v1", "undisturbed"):
            create(adapters, name)
        slow.start("v1", clock.now())
        wait_until(lambda: bool(drafts(folder)))
        pid = holder(folder / "leases" / "training.v1.lock")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not adapters.trainings.alive("v1"))
        # Whoever waits finds out, also in a process that knows nothing of how it began.
        shown = run("solution-versions", "show", "v1", "--data-dir", str(folder))
        assert "CREATE FAILED" in shown.stdout
        assert drafts(folder) == []
        assert create(adapters, "v1").status is Status.CREATE_FAILED, "the same wish"
        again, other = trained(adapters, "v1"), trained(adapters, "undisturbed")
        assert (again.status, again.failure_reason) == (Status.ACTIVE, None)
        assert again.fingerprint == other.fingerprint
        assert artefact(folder, "v1") == artefact(folder, "undisturbed")
        assert not slow.alive("v1")


def test_who_interrupts_the_waiting_stops_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with service(tmp_path / "data") as (adapters, slow):
        version = create(adapters, "v1")
        monkeypatch.setattr(trainings, "time", SimpleNamespace(sleep=interrupt))
        with pytest.raises(KeyboardInterrupt):
            trainings.train_and_serve(changed(adapters, trainings=slow), version)
        assert not slow.alive("v1")
        assert adapters.versions.get("v1").status is Status.CREATE_STOPPED
        assert adapters.campaigns.get("recommender").latest_update is None
