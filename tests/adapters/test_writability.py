"""A database knows whether it takes writes, and sees by itself when it does again."""

import sqlite3
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.event import listen, remove

from pawsonalize.core.database import database as opening
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.events.tables.event_log import EventLog
from tests.event_data import event

# Real refusals of the database, on each connection that the test uses.
REFUSE = {True: "PRAGMA query_only = ON", False: "SET default_transaction_read_only = on"}
TAKE = {True: "PRAGMA query_only = OFF", False: "SET default_transaction_read_only = off"}


@contextmanager
def refusing(database: Database) -> Iterator[None]:
    """While the block runs, connections take no writes."""

    def say(statements: dict[bool, str]) -> None:
        with database.reading() as connection:
            connection.exec_driver_sql(statements[database.is_local])

    def refuse(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(REFUSE[True])

    in_time(say)(REFUSE)
    if database.is_local:
        listen(database._engine, "connect", refuse)
    yield
    if database.is_local:
        remove(database._engine, "connect", refuse)
    in_time(say)(TAKE)


def test_a_database_that_refused_a_write_is_tried_again_until_it_takes_one(
    database: Database,
) -> None:
    append = in_time(EventLog(database).append)
    assert database.why_not_writable() is None
    with refusing(database):
        with pytest.raises(StorageUnavailable, match="writ"):
            append([event("e1")])
        for _ in range(2):
            reason = database.why_not_writable()
            assert reason is not None
            assert "this user" in reason
        assert EventLog(database).head() == 0, "reads go on"
    assert database.why_not_writable() is None
    assert append([event("e1")]) == [True]


def test_a_read_only_folder_takes_no_writes_before_any_was_tried(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tables.sqlite3")
    database.close()  # an open file would keep the folder from turning read-only
    mount = ["mount", "--bind", "-o", "ro", str(tmp_path), str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a disk")
    try:
        reason = database.why_not_writable()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    assert reason is not None
    assert "make its folder writable" in reason
    assert str(tmp_path) in reason
    assert database.why_not_writable() is None


def test_a_database_whose_file_was_moved_takes_no_writes_until_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "tables.sqlite3"
    database = Database(f"sqlite:///{file}")
    log = EventLog(database)
    away = file.rename(tmp_path / "away")
    for _ in range(2):  # then with another file in its place
        with pytest.raises(StorageUnavailable, match="moved, replaced or removed"):
            log.append([event("e1")])
        assert "put it back" in (database.why_not_writable() or "")
        file.touch()
    away.rename(file)
    assert database.why_not_writable() is None
    assert log.append([event("e1")]) == [True]
    database.close()


def test_no_new_connection_opens_what_took_the_place_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "tables.sqlite3"
    database = Database(f"sqlite:///{file}")
    EventLog(database).append([event("e1")])
    away = file.rename(tmp_path / "away")
    for _ in range(2):  # then with another file in its place
        # More readers at once than connections are open by now.
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(read_slowly, [database] * 4))
        assert any("moved, replaced or removed" in each for each in found), found
        assert Path(f"{file}-wal").stat().st_size > 0
        file.touch()
    away.rename(file)
    assert EventLog(database).head() == 1
    database.close()


def read_slowly(database: Database) -> str:
    """Read while others do; returns why that was refused, or nothing."""
    try:
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM events")
            time.sleep(0.2)
    except StorageUnavailable as error:
        return error.message
    return ""


def test_no_database_is_made_beside_the_log_of_one_that_is_away(tmp_path: Path) -> None:
    file = tmp_path / "tables.sqlite3"
    first = Database(f"sqlite:///{file}")
    EventLog(first).append([event("e1")])
    away = file.rename(tmp_path / "away")
    with pytest.raises(StorageUnavailable, match="put the file back beside the log"):
        Database(f"sqlite:///{file}")
    assert not file.exists()
    away.rename(file)
    second = Database(f"sqlite:///{file}")
    assert EventLog(second).head() == 1
    second.close()
    first.close()


def test_a_whole_database_finds_no_damage(database: Database) -> None:
    assert database.damage() is None


def test_a_commit_of_a_service_waits_for_the_disk(
    served_pragmas: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "SQLITE_PRAGMAS", served_pragmas)
    database = Database(f"sqlite:///{tmp_path}/tables.sqlite3")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    database.close()
