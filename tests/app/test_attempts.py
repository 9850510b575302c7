"""What fails in the background is a standing problem until it succeeds."""

from pathlib import Path

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.database.journal import ProblemTable
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.times import DAY
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.tasks import Reporting, attempt
from tests.service_data import make_service


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_service(tmp_path, train=False)


def messages(problems: Problems, at: int | None = None) -> dict[str, str]:
    standing = problems.standing(clock.now() if at is None else at)
    return {each.name: each.message for each in standing}


def test_an_archive_that_cannot_be_written_is_a_problem_until_it_can(settings: Settings) -> None:
    blocked = settings.data_dir / "archive"
    blocked.write_text("a file where the folder should be")
    with opened(settings) as adapters:
        problems = adapters.problems
        reporting = Reporting(problems, "archive new")
        archiver = adapters.archiver
        attempt("archive new", archiver.archive_once, reporting)
        assert "archive new" in messages(problems)
        blocked.unlink()
        attempt("archive new", archiver.archive_once, reporting)
        assert messages(problems) == {}


def test_what_nobody_foresaw_names_itself_and_the_log(settings: Settings) -> None:
    with opened(settings) as adapters:
        problems = adapters.problems
        reporting = Reporting(problems, "divide by nothing")
        attempt("divide by nothing", lambda: 1 / 0, reporting)
        told = messages(problems)["divide by nothing"]
        assert "ZeroDivisionError" in told
        assert "log" in told


def test_the_first_success_clears_what_a_process_that_ended_left(settings: Settings) -> None:
    with opened(settings) as adapters:
        problems = adapters.problems
        problems.report("archive new", "full", clock.now())
        archiver = adapters.archiver
        attempt("archive new", archiver.archive_once, Reporting(problems, "archive new"))
        assert messages(problems) == {}


def test_what_a_dead_process_reported_does_not_stand_for_ever(settings: Settings) -> None:
    with opened(settings) as adapters:
        problems = adapters.problems
        Reporting(problems, "archive new", 60).failed("full")
        assert messages(problems) == {"archive new": "full"}
        assert messages(problems, clock.now() + DAY) == {}


def test_work_goes_on_where_a_problem_cannot_be_noted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("not now")

    with opened(settings) as adapters:
        problems = adapters.problems
        reporting = Reporting(problems, "archive new")
        reporting.failed("full")
        with monkeypatch.context() as patch:
            patch.setattr(ProblemTable, "find", fail)
            reporting.failed("full")
            reporting.succeeded()
        assert messages(problems) == {"archive new": "full"}
        reporting.succeeded()
        assert messages(problems) == {}


def test_the_same_failure_is_logged_once_a_minute(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = clock.now()
    with opened(settings) as adapters:
        reporting = Reporting(adapters.problems, "archive new")
        assert reporting.is_news("full")
        assert not reporting.is_news("full")
        assert reporting.is_news("gone")
        monkeypatch.setattr(clock, "real_now", lambda: at + DAY)
        assert reporting.is_news("gone")
