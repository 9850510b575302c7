"""A process that asks the gate and fails is a problem until one succeeds."""

import sys
import time
from pathlib import Path

from pawsonalize import clock
from pawsonalize.app import opened
from pawsonalize.app.latest import tell_how_judging_ended
from pawsonalize.engine.resources.problems import Problems
from pawsonalize.engine.resources.processes import SideProcess
from tests.service_data import make_service


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
