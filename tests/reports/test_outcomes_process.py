"""Outcomes reports are made in processes of their own, which say why when they make none."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pawsonalize.app.adapters import REPORT_COMMAND
from pawsonalize.app.settings import Settings, as_environment
from pawsonalize.core.database.data_folder import DATABASE_FILE
from pawsonalize.core.errors import NotReady, StorageUnavailable
from pawsonalize.core.times import DAY
from pawsonalize.reports.outcomes_process import OutcomesProcesses
from pawsonalize.reports.outcomes_report import OutcomesOrder
from tests.event_data import T0
from tests.service_data import make_service

ORDER = OutcomesOrder(T0 - DAY, T0 + DAY)


def processes_of(settings: Settings) -> OutcomesProcesses:
    """Those that a server with these settings starts."""
    return OutcomesProcesses(REPORT_COMMAND, os.environ | as_environment(settings), look=int)


def running(code: str, look: Callable[[], object] = int) -> OutcomesProcesses:
    """Some that run that code in place of making a report."""
    return OutcomesProcesses((sys.executable, "-c", code), os.environ, look)


def test_a_report_and_its_parts_come_from_another_process(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    made = processes_of(settings).make("pawsonalize", ORDER, parts=4)
    assert made.report.total.answers == 0
    assert len(made.periods) == 4
    assert made.periods[0].since == made.report.since
    assert made.periods[-1].until == made.report.until


def test_a_report_waits_while_another_program_has_the_whole_database(tmp_path: Path) -> None:
    settings = make_service(tmp_path, train=False)
    with ThreadPoolExecutor(1) as asking:
        with closing(sqlite3.connect(tmp_path / DATABASE_FILE, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode=EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            asked = asking.submit(processes_of(settings).make, "pawsonalize", ORDER)
            with pytest.raises(TimeoutError):
                asked.result(3)
            other.rollback()
        assert asked.result().report.total.answers == 0


def test_its_reason_is_told_without_what_is_for_operators_alone(tmp_path: Path) -> None:
    nowhere = Settings(database_url="postgresql://paws:secret@127.0.0.1:9/none", data_dir=tmp_path)
    with pytest.raises(NotReady, match=r"^the report was not made: the database") as told:
        processes_of(nowhere).make("pawsonalize", ORDER)
    assert told.value.code == "report_failed"
    assert "127.0.0.1" not in str(told.value)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise MemoryError", "exit code 1"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
    ],
    ids=["it failed", "it was killed"],
)
def test_a_process_that_ends_without_a_word_is_told_too(code: str, said: str) -> None:
    with pytest.raises(NotReady, match=f"{said}; the log of the server has more"):
        running(code).make("pawsonalize", ORDER)


def test_a_command_that_is_not_there_is_told_too(tmp_path: Path) -> None:
    processes = OutcomesProcesses((str(tmp_path / "gone"),), os.environ, look=int)
    with pytest.raises(NotReady, match="no process can be started"):
        processes.make("pawsonalize", ORDER)


def test_without_a_database_no_process_is_started(tmp_path: Path) -> None:
    def look() -> None:
        raise StorageUnavailable("the database did not answer")

    with pytest.raises(StorageUnavailable):
        running(f"open({str(tmp_path / 'started')!r}, 'w')", look).make("pawsonalize", ORDER)
    assert not (tmp_path / "started").exists()


def test_a_process_ends_when_the_database_does_not_answer_the_server_any_more(
    tmp_path: Path,
) -> None:
    noted = tmp_path / "pid"
    code = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    def look() -> None:
        if noted.exists() and noted.read_text():
            raise StorageUnavailable("the database did not answer")

    with pytest.raises(StorageUnavailable):
        running(code, look).make("pawsonalize", ORDER)
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_more_than_a_pipe_holds_is_read_while_it_is_written() -> None:
    code = """
from pawsonalize.reports.outcomes_process import OutcomesRefused
import msgspec
print(msgspec.json.encode(OutcomesRefused("why " * 100_000)).decode(), flush=True)
raise SystemExit(1)
"""
    with pytest.raises(NotReady) as told:
        running(code).make("pawsonalize", ORDER)
    assert str(told.value).count("why ") == 100_000


def test_what_runs_ends_with_the_server_and_no_other_begins(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = f"import os, time; open({str(noted)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    processes, refused = running(code), list[NotReady]()

    def ask() -> None:
        with pytest.raises(NotReady) as told:
            processes.make("pawsonalize", ORDER)
        refused.append(told.value)

    asking = threading.Thread(target=ask)
    asking.start()
    while not (noted.exists() and noted.read_text()):
        time.sleep(0.01)
    processes.close()
    asking.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)
    with pytest.raises(NotReady, match="the server ends"):
        processes.make("pawsonalize", ORDER)
    assert "the server ends" in str(refused[0])


_SERVER = """
import os, sys
from pawsonalize.reports.outcomes_process import OutcomesProcesses
from pawsonalize.reports.outcomes_report import OutcomesOrder
code = '''
import os, time
from pawsonalize.app.cli.low_priority import end_with_parent
end_with_parent()
os.write(2, b"%d" % os.getpid())
time.sleep(60)
'''
OutcomesProcesses((sys.executable, "-c", code), os.environ, int).make("it", OutcomesOrder(0, 1))
"""


def test_it_ends_with_a_server_that_is_killed() -> None:
    with subprocess.Popen((sys.executable, "-c", _SERVER), stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        child = int(os.read(server.stderr.fileno(), 20))
        server.kill()
        # Both held the pipe: it ends when the second of them has ended.
        assert server.stderr.read() == b""
    assert child > 0
