"""What deleted rows leave in the files of a database is removed."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.events.ingest import HTTP
from pawsonalize.events.tables.event_log import EventLog
from pawsonalize.events.tables.event_reads import RAW_MARK, RawEvents
from pawsonalize.operations.tables import remove_remains
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from tests.erasing import erase_users
from tests.event_data import T0, event

GONE = "somebody-who-is-gone"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pawsonalize.sqlite3"


def busy_log(database: Database, seed: int) -> None:
    """Events of many lengths, in an order in which pages are split again and again."""
    drawn, log, number = random.Random(seed), EventLog(database), 0
    letters = DeadLetters(database)
    for _ in range(150):
        batch = []
        for _ in range(drawn.randint(1, 120)):
            number += 1
            user = GONE if drawn.random() < 0.05 else f"user{drawn.randint(0, 400)}"
            batch.append(
                event(
                    f"e{drawn.randint(0, 10**12)}-{number}",
                    user=user,
                    session=f"{user}-s{drawn.randint(0, 3)}",
                    at=drawn.randint(0, 10**9),
                    properties='{"a":"' + "x" * drawn.randint(0, 300) + '"}',
                )
            )
        log.append(batch)
        letters.keep(
            [
                DeadLetter(
                    HTTP,
                    "pawsonalize",
                    T0,
                    f'{{"userId": "{drawn.choice((GONE, "bob"))}", '.encode()
                    + b"x" * drawn.randint(0, 9_000),
                    code="c",
                    message="m",
                )
                for _ in range(drawn.randint(0, 3))
            ]
        )


def in_files(file: Path) -> int:
    files = [path.read_bytes() for path in file.parent.glob(f"{file.name}*")]
    return sum(data.count(GONE.encode()) for data in files)


@pytest.mark.parametrize("seed", range(4))
def test_after_an_erasure_no_byte_of_the_files_names_the_visitor(file: Path, seed: int) -> None:
    database = Database(f"sqlite:///{file}")
    busy_log(database, seed)
    assert in_files(file) > 100
    erase_users(database, GONE)
    remove_remains(database, {GONE})
    assert in_files(file) == 0
    assert database.damage() is None
    database.close()


def left_by_sqlite(file: Path) -> None:
    """A copy of a row in the gap of a page, as SQLite leaves one when it moves rows."""
    data, copy = bytearray(file.read_bytes()), GONE.encode()
    size = int.from_bytes(data[16:18], "big")
    for page in range(size, len(data), size):
        cells = int.from_bytes(data[page + 3 : page + 5], "big")
        content = int.from_bytes(data[page + 5 : page + 7], "big")
        start = 8 + 2 * cells
        if data[page] == 13 and content - start > 100:
            data[page + start : page + start + len(copy)] = copy
            file.write_bytes(data)
            return
    raise AssertionError("no page has a gap")


@pytest.mark.parametrize(("names", "left"), [({GONE}, 0), (None, 0), (set(), 1)])
def test_a_copy_that_sqlite_left_is_removed_unless_nobody_was_erased(
    file: Path, names: set[str] | None, left: int
) -> None:
    database = Database(f"sqlite:///{file}")
    EventLog(database).append([event(f"{n}", user="bob") for n in range(50)])
    database.close()
    left_by_sqlite(file)
    assert in_files(file) == 1
    database = Database(f"sqlite:///{file}")
    remove_remains(database, names)
    assert in_files(file) == left
    assert EventLog(database).count() == 50
    database.close()


def impatient(database: Database) -> Callable[[str], list[Any]]:
    """Runs commands that wait for nobody."""

    def maintain(command: str) -> list[Any]:
        with database.reading() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            return list(connection.exec_driver_sql(command).first() or ())

    return maintain


def test_while_somebody_reads_the_write_ahead_log_it_is_tried_again_later(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, other = Database(f"sqlite:///{file}"), Database(f"sqlite:///{file}")
    log = EventLog(database)
    log.append([event("1")])
    monkeypatch.setattr(database, "maintain", impatient(database))
    with other.reading() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM events").scalar()
        log.append([event("2")])
        with pytest.raises(StorageUnavailable, match="next try"):
            remove_remains(database, set())
        reader.exec_driver_sql("COMMIT")
    remove_remains(database, set())
    assert (file.parent / f"{file.name}-wal").stat().st_size == 0
    database.close()
    other.close()


def test_on_postgresql_dead_rows_are_vacuumed(database_url: str) -> None:
    database = Database(database_url)
    log = EventLog(database)
    log.append([event(f"{n}", user=GONE) for n in range(50)])
    erase_users(database, GONE)
    remove_remains(database, {GONE})
    assert log.count() == 0
    if not database.is_local:
        assert database.maintain("SELECT pg_relation_size('events')") == [0]
    database.close()


@pytest.mark.parametrize("seed", range(4))
def test_nor_does_what_is_packed_of_how_events_came_in(file: Path, seed: int) -> None:
    database = Database(f"sqlite:///{file}")
    drawn, log, raws = random.Random(seed), EventLog(database), RawEvents(database)
    for number in range(60):
        sent = [(GONE if drawn.random() < 0.2 else "bob", n) for n in range(drawn.randint(1, 40))]
        log.append(
            [
                event(f"{number} {n}", user=user, raw=f'{{"userId":"{user}","n":{drawn.random()}}}')
                for user, n in sent
            ]
        )
    erase_users(database, GONE)
    remove_remains(database, {GONE})
    assert raws.between(0, 10**6)
    assert not any(GONE in text for text in packed_texts(file))
    database.close()


def packed_texts(file: Path) -> Iterator[str]:
    """What can be read of all that begins as packed events do, anywhere in the files."""
    for path in file.parent.glob(f"{file.name}*"):
        for packed in path.read_bytes().split(RAW_MARK)[1:]:
            with suppress(zstandard.ZstdError):  # what is cut off, or written over
                reading = zstandard.ZstdDecompressor().decompressobj()
                yield reading.decompress(packed).decode("utf-8", "replace")
