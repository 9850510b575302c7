"""What a process beside the server fails at stands as a problem until one does not."""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.processes import SideProcess
from pawsonalize.train.campaigns import report_judging_end
from pawsonalize.train.refresh import refresh_served, report_refresh_end
from tests.event_data import event
from tests.service_data import make_service


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_service(tmp_path)
    with opened(settings) as adapters:
        for live in adapters.live_models().values():
            live.refresh(clock.now())
    return settings


def messages(problems: Problems) -> dict[str, str]:
    return {each.name: each.message for each in problems.standing(clock.now())}


def artefact(adapters: Adapters, settings: Settings) -> Path:
    (version,) = {one for one in adapters.refresher.served() if one.startswith("recommender")}
    return settings.models_dir / version


def test_a_version_that_cannot_be_read_is_a_problem_until_it_can(settings: Settings) -> None:
    with opened(settings) as adapters:
        problems = adapters.problems
        card = artefact(adapters, settings) / "card.json"
        whole = card.read_bytes()
        card.write_text("{")
        adapters.log.append([event("new")])
        assert not refresh_served(adapters.refresher, adapters.registry, problems, clock.now)
        told = messages(problems)["refresh of counts: recommender"]
        assert card.parent.name in told
        assert "if it lasts, train" in told
        card.write_bytes(whole)
        assert refresh_served(adapters.refresher, adapters.registry, problems, clock.now)
        assert messages(problems) == {}


def test_a_process_that_was_killed_is_a_problem_until_one_goes_well(settings: Settings) -> None:
    command = ("sh", "-c", "sleep 60", "refresh")
    with opened(settings) as adapters:
        refreshing = SideProcess(adapters.leases, 0.0, command, os.environ, 0)
        problems = adapters.problems
        ended = partial(report_refresh_end, problems)
        refreshing.start()
        os.kill(int(adapters.leases.lock("refresh").read_text()), signal.SIGKILL)
        deadline = time.monotonic() + 120
        while not messages(problems):
            assert time.monotonic() < deadline
            time.sleep(0.01)
            refreshing.look(clock.real_now(), lambda: False, ended)
        assert "exit code -9" in messages(problems)["refresh of counts"]
        assert refresh_served(adapters.refresher, adapters.registry, problems, clock.now)
        assert messages(problems) == {}


def test_a_judging_that_fails_is_a_problem_until_one_does_not(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        problems = adapters.problems
        run_judging(adapters, "exit 3", problems)
        (problem,) = problems.standing(clock.now())
        assert "exit code 3" in problem.message
        run_judging(adapters, "exit 0", problems)
        assert problems.standing(clock.now()) == []


def run_judging(adapters: Adapters, program: str, problems: Problems) -> None:
    command = ("sh", "-c", program, "follow-latest")
    judging = SideProcess(adapters.leases, 0, command, os.environ, clock.now())
    judging.start()
    while not judging.is_due(clock.now()):
        time.sleep(0.01)
    judging.look(clock.now(), lambda: False, partial(report_judging_end, problems))
