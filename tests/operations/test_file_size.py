"""A SQLite file gives back what is free in it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import LogStart
from pawsonalize.operations import tables as sizes
from pawsonalize.operations.tables import FileSize, rewrite, tidy
from tests.event_data import event


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{tmp_path / 'events.sqlite3'}")) as database:
        yield database


def size_of(database: Database) -> FileSize:
    size = FileSize.of(database)
    assert size is not None
    return size


def fill(database: Database, count: int = 6_000) -> EventLog:
    log = EventLog(database)
    log.append([event(f"e{n}", user=f"u{n}", session=f"s{n}") for n in range(count)])
    return log


def log_bytes(database: Database) -> int:
    log = Path(f"{database.file}-wal")
    return log.stat().st_size if log.exists() else 0


def test_what_old_events_took_goes_back_to_the_disk(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "_STEP", 50)
    log = fill(database)
    full = size_of(database)
    LogStart(database).forget(5_000, 99_999)
    assert size_of(database).free > full.total // 2
    tidy(database)
    left = size_of(database)
    assert left.total < full.total // 2
    assert left.free <= left.total // 10 + 50 * 4_096
    assert log.count() == 1_000


def test_who_opens_a_file_does_not_wait_for_who_writes_to_it(database: Database) -> None:
    fill(database, 10)
    with closing(sqlite3.connect(str(database.file))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with closing(Database(f"sqlite:///{database.file}")) as reader:
            assert EventLog(reader).count() == 10
            assert size_of(reader).shrinks


def test_a_little_free_space_is_left_for_the_next_day(database: Database) -> None:
    fill(database)
    LogStart(database).forget(200, 99_999)
    before = size_of(database)
    assert before.free > 0
    tidy(database)
    assert size_of(database) == before


def test_a_file_of_before_gives_nothing_back_until_it_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite3")) as old:
        old.executescript("CREATE TABLE something (x); DROP TABLE something")
    with closing(Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")) as database:
        log = fill(database)
        LogStart(database).forget(5_000, 99_999)
        before = size_of(database)
        tidy(database)
        assert (size_of(database), before.shrinks) == (before, False)
        rewrite(database)
        after = size_of(database)
        assert (after.free, after.shrinks) == (0, True)
        assert after.total < before.total // 2
        assert log.count() == 1_000
    with closing(Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")) as again:
        assert size_of(again).shrinks


def test_a_long_write_ahead_log_is_cut_unless_somebody_reads_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "_LONG_LOG", 1_000)
    fill(database)
    assert log_bytes(database) > 1_000
    with closing(sqlite3.connect(str(database.file))) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        EventLog(database).append([event("another")])
        tidy(database)
        assert log_bytes(database) > 0
    tidy(database)
    assert log_bytes(database) == 0


def test_a_database_in_memory_has_no_file() -> None:
    with closing(Database("sqlite://")) as database:
        assert FileSize.of(database) is None
        tidy(database)
