"""What a process beside the server fails at stands as a problem until one does not."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pawsonalize import clock
from pawsonalize.app import Adapters, opened
from pawsonalize.app.serving import live_models
from pawsonalize.app.side_processes import (
    refresh_counts,
    refresh_when_due,
    tell_how_judging_ended,
)
from pawsonalize.engine.resources.problems import Problems
from pawsonalize.engine.resources.processes import SideProcess
from pawsonalize.settings import Settings
from tests.event_data import event
from tests.service_data import make_service


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        for live in live_models(settings, adapters).values():
            live.refresh(clock.now())
    return settings


def messages(problems: Problems) -> dict[str, str]:
    return {each.name: each.message for each in problems.standing(clock.now())}


def artefact(adapters: Adapters, settings: Settings) -> Path:
    (version,) = {one for one in adapters.refresher.served() if one.startswith("recommender")}
    return settings.models_dir / version


def test_a_version_that_cannot_be_read_is_a_problem_until_it_can(settings: Settings) -> None:
    with opened(settings) as adapters:
        problems = adapters.problems(settings)
        card = artefact(adapters, settings) / "card.json"
        whole = card.read_bytes()
        card.write_text("{")
        adapters.log.append([event("new")])
        assert not refresh_counts(adapters, problems)
        told = messages(problems)["refresh of counts: recommender"]
        assert card.parent.name in told
        assert "if it lasts, train" in told
        card.write_bytes(whole)
        assert refresh_counts(adapters, problems)
        assert messages(problems) == {}


def test_a_process_that_was_killed_is_a_problem_until_one_goes_well(
    settings: Settings, tmp_path: Path
) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    refreshing = SideProcess(tmp_path / "lock", 0.0, command, os.environ, 0)
    with opened(settings) as adapters:
        problems = adapters.problems(settings)
        refreshing.start()
        os.kill(int((tmp_path / "lock").read_text()), signal.SIGKILL)
        deadline = time.monotonic() + 30
        while not messages(problems):
            assert time.monotonic() < deadline
            time.sleep(0.01)
            refresh_when_due(refreshing, problems, lambda: False)
        assert "exit code -9" in messages(problems)["refresh of counts"]
        assert refreshing.exit_code() is None
        assert refresh_counts(adapters, problems)
        assert messages(problems) == {}


def test_a_judging_that_fails_is_a_problem_until_one_does_not(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        problems = adapters.problems(settings)
        run_judging(tmp_path, "raise SystemExit(3)", problems)
        (problem,) = problems.standing(clock.now())
        assert "exit code 3" in problem.message
        run_judging(tmp_path, "", problems)
        assert problems.standing(clock.now()) == []


def run_judging(folder: Path, program: str, problems: Problems) -> None:
    lock = folder / "judge.lock"
    command = (sys.executable, "-c", program)
    judging = SideProcess(lock, 0, command, {}, clock.now())
    judging.start()
    while not judging.is_due(clock.now()):
        time.sleep(0.01)
    tell_how_judging_ended(judging, problems)
