"""A run that is cut off at any moment goes on where it was, and does everything once.

All of it in one process, which writes nothing more after the cut; in
tests/e2e/test_retraining_crash.py real processes die.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.core.work.leases import Lease
from pawsonalize.core.work.processes import ChildProcesses
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.commands.processes import run_worker
from pawsonalize.train.retraining.runs import Runs, Trigger
from pawsonalize.train.trainings import TrainingProcesses
from tests.e2e.retraining import MOMENTS, Seen, assert_done_once, copied
from tests.event_data import T0
from tests.service_data import changed, make_service
from tests.train.retraining.conftest import SteppedClock

AS_OF = T0 + 1000


class PowerCut(BaseException):
    """Nothing is written any more."""


class TrainingsHere(ChildProcesses):
    """Each trains in this process; the one that it starts does nothing."""

    train: Callable[[str], SolutionVersion]

    def start(self, name: str, *arguments: str, lease: Lease | None = None) -> None:
        self.train(name)
        super().start(name, *arguments, lease=lease)
        self.wait(name, 60)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose run has begun, and nobody works on it."""
    folder = tmp_path_factory.mktemp("world") / "data"
    make_service(folder, train=False)
    with here(folder) as (_, view):
        Runs(view.adapters.work, {}).begin(Trigger.COMMAND, AS_OF)
    return folder


@pytest.fixture(scope="module")
def undisturbed(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The models of a run that nothing happens to."""
    with here(copied(world, tmp_path_factory.mktemp("undisturbed") / "data")) as (_, view):
        assert run_worker(view.adapters, "only").work()
        assert_done_once(view)
        return view.models()


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_run_that_is_cut_off_goes_on_and_does_everything_once(
    world: Path,
    undisturbed: dict[str, str],
    tmp_path: Path,
    clock_of_all: SteppedClock,
    moment: Callable[[Seen], bool],
) -> None:
    folder = copied(world, tmp_path / "data")
    with here(folder) as (_, view), power_until(moment, view), pytest.raises(PowerCut):
        run_worker(view.adapters, "first").work()
    with here(folder) as (_, view):
        assert moment(view)
        assert view.newest().ended_at is None
        assert run_worker(view.adapters, "second").work()
        assert_done_once(view)
        assert view.models() == undisturbed


@pytest.fixture
def clock_of_all(clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    """What every part of the service reads the time from."""
    monkeypatch.setattr("pawsonalize.core.clock.now", clock.now)
    return clock


@contextmanager
def here(folder: Path) -> Iterator[tuple[Settings, Seen]]:
    """A data folder that is worked on in this process, where little data are enough."""
    settings = Settings(
        data_dir=folder,
        check_min_events=1,
        check_min_users=1,
        gate_profile="reference",
        retrain_check_seconds=0.01,
        campaign_check_seconds=0.01,
    )
    with opened(settings) as adapters:
        trainings = TrainingProcesses(
            adapters.registry, adapters.artefacts, adapters.leases, ("true",), os.environ
        )
        trainings._children = TrainingsHere(("true",), os.environ)
        trainings._children.train = adapters.trainer.train
        yield settings, Seen(folder, changed(adapters, trainings=trainings))


@contextmanager
def power_until(moment: Callable[[Seen], bool], view: Seen) -> Iterator[None]:
    """Tables and files can be written and removed until the moment comes, and never after it."""
    write_table = Database.writing
    gone = False

    def look() -> None:
        nonlocal gone
        gone = gone or moment(view)
        if gone:
            raise PowerCut

    def needs_power(work: Callable[..., None]) -> Callable[..., None]:
        def worked(*what: Any, **how: Any) -> None:
            look()
            work(*what, **how)

        return worked

    @contextmanager
    def writing(database: Database) -> Iterator[Connection]:
        if gone:
            raise PowerCut
        with write_table(database) as connection:
            yield connection
        if threading.current_thread() is threading.main_thread():
            look()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "writing", writing)
        patch.setattr(np, "save", needs_power(np.save))
        patch.setattr(shutil, "rmtree", needs_power(shutil.rmtree))
        yield
