"""A database knows whether it takes writes, and sees by itself when it does again."""

import subprocess
from pathlib import Path

import pytest

from pawsonalize.domain.errors import StorageUnavailable
from pawsonalize.storage import database as opening
from pawsonalize.storage.database import Database
from pawsonalize.storage.events.event_log import EventLog
from tests.event_data import event

# Real refusals of the database, on the one connection that the test uses.
REFUSE = {True: "PRAGMA query_only = ON", False: "SET default_transaction_read_only = on"}
TAKE = {True: "PRAGMA query_only = OFF", False: "SET default_transaction_read_only = off"}


def say(database: Database, statements: dict[bool, str]) -> None:
    with database.reading() as connection:
        connection.exec_driver_sql(statements[database.is_local])


def test_a_database_that_refused_a_write_is_tried_again_until_it_takes_one(
    database: Database,
) -> None:
    log = EventLog(database)
    assert database.why_not_writable() is None
    say(database, REFUSE)
    with pytest.raises(StorageUnavailable, match="writ"):
        log.append([event("e1")])
    for _ in range(2):
        reason = database.why_not_writable()
        assert reason is not None
        assert "this user" in reason
    assert log.head() == 0, "reads go on"
    say(database, TAKE)
    assert database.why_not_writable() is None
    assert log.append([event("e1")]) == [True]


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
