"""A world in which somebody is erased, and where to look for them; also processes to be killed.

    python -m tests.erasing FOLDER DATABASE_URL POINT [FOLDER DATABASE_URL POINT …]

In each of the folders a process does the erasures that are due, and is killed when it has done so
many things.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zstandard
from sqlalchemy import create_engine, inspect, text

from pawsonalize.animals.tables.catalogue import Item, User
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.database import Database
from pawsonalize.core.event import (
    DEFAULT_DATASET_GROUP,
    SESSION,
    USER,
    digest,
    visitor_digest,
    visitor_key,
)
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.events.erasure.erased_archive import Watch, ignore_progress
from pawsonalize.events.erasure.erasing import Erasing
from pawsonalize.events.erasure.tables import ErasureTable, VisitorRows
from pawsonalize.events.ingest import HTTP
from pawsonalize.events.tables.event_reads import RAW_MARK
from pawsonalize.plugins.dead_letters.archive import ArchivedDeadLetters
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.recommend.tables import RECOMMENDATION, Impression
from tests.event_data import T0, event
from tests.training import train

ANN = "ann-who-leaves@example.org"
SESSIONS = ("visit-one-of-ann", "visit-two-of-ann")
NOW = T0 + DAY
ITEMS = [f"2-Beagle-{size}-{age}" for size in "123" for age in "123"]


def settings_of(folder: Path, database_url: str = "") -> Settings:
    return Settings(
        data_dir=folder, database_url=database_url, recipe="popularity-count", retrain_here=False
    )


def erasing_of(
    adapters: Adapters, settings: Settings, watch: Watch = ignore_progress, now: int = NOW
) -> Erasing:
    steps, problems = adapters.erasure_steps, adapters.problems
    return Erasing(adapters.erasures, steps, problems, adapters.leases, lambda: now, watch=watch)


@contextmanager
def erasing_in(
    settings: Settings, watch: Watch = ignore_progress, now: int = NOW
) -> Iterator[Erasing]:
    with opened(settings) as adapters:
        yield erasing_of(adapters, settings, watch, now)


def erase_sessions(database: Database, *sessions: str, now: int = NOW) -> None:
    """Note them for erasure, and take them out of the tables."""
    _erase(database, (), sessions, now)


def erase_users(database: Database, *users: str, now: int = NOW) -> None:
    """The same with users; their names are forgotten."""
    _erase(database, users, (), now)


def _erase(database: Database, users: Sequence[str], visits: Sequence[str], now: int) -> None:
    table, erasure_id = ErasureTable(database), f"erasure {now}"
    table.note(erasure_id, DEFAULT_DATASET_GROUP, now, users=users, visits=visits)
    noted = table.get(erasure_id)
    assert noted is not None
    VisitorRows(database).erase(noted, table.names(erasure_id))
    table.forget_names([noted], now)


def fill(settings: Settings) -> None:
    """Ann and others in the tables, the archive, three versions, updated counts and files."""
    with opened(settings) as adapters:
        adapters.catalogue.put_items([Item(item, {}) for item in ITEMS])
        adapters.catalogue.put_users([User(ANN, {"AGE": 30.0}), User("bob", {"AGE": 40.0})])
        for hour in range(3):
            _visit(adapters, hour)
            train(adapters, NOW - DAY + hour, name=f"v{hour}")
        adapters.log.append([event("last", user=ANN, session=SESSIONS[1], at=4 * HOUR)])
        adapters.refresher.refresh("v2", NOW - DAY + 9)
        adapters.archiver.archive_once()
        _refuse(adapters, f'{{"userId": "{ANN}", "sessionId": ""}}', '{"userId": "bob"}')
        ArchivedDeadLetters(adapters).archive_once(NOW - 1)
        _refuse(adapters, f'{{"Data": {{"visitor": "{ANN}"', f'[{{"sessionId": "{SESSIONS[0]}"')
    for folder in ("exports", "imports"):
        (settings.data_dir / folder).mkdir()
        file = settings.data_dir / folder / "interactions.csv"
        file.write_text(f"USER_ID,ITEM_ID\nbob,x\n{ANN},y\n")
    (settings.data_dir / "exports" / "other.csv").write_text("USER_ID\nbob\n")


def _visit(adapters: Adapters, hour: int) -> None:
    """An hour in which Ann and others look around; she is anonymous at first."""
    at, session = hour * HOUR, SESSIONS[hour % 2]
    adapters.log.append(
        [
            event(
                f"ann {hour} 1",
                user=None,
                session=session,
                item=ITEMS[hour],
                at=at,
                raw=f'{{"sessionId":"{session}","utm":"x"}}',
            ),
            event(
                f"ann {hour} 2",
                user=ANN,
                session=session,
                item=ITEMS[hour + 1],
                at=at + 1,
                raw=f'{{"sessionId":"{session}","mail":"{ANN}"}}',
            ),
            *(
                event(f"{n} {hour}", user=f"user {n}", session=f"s{n}", item=ITEMS[n % 9], at=at)
                for n in range(30)
            ),
        ]
    )
    shown = Impression(
        f"RID-{hour}", RECOMMENDATION, None, session, T0 + at, T0 + at, "v", ("x",), (1.0,)
    )
    adapters.impressions.append([shown])


def _refuse(adapters: Adapters, *texts: str) -> None:
    """Keep them as dead letters."""
    DeadLetters(adapters.database).keep(
        [
            DeadLetter(HTTP, DEFAULT_DATASET_GROUP, T0, one.encode(), code="c", message="m")
            for one in texts
        ]
    )


def left(settings: Settings) -> list[str]:
    """Where anything of Ann is: by her names, or by a hash that leads to what she did.

    The notes in the archive and the table of erased visitors say by a hash that she was erased.
    """
    names = [name.encode() for name in (ANN, *SESSIONS)]
    keys = [visitor_key(ANN, None), *(visitor_key(None, one) for one in SESSIONS)]
    row_hashes = [_number(digest(one)) for one in keys]
    hashes = [visitor_digest(USER, ANN), *(visitor_digest(SESSION, one) for one in SESSIONS)]
    index_hashes = [_number(one[:16]) for one in hashes]
    letter_hashes = [bytes.fromhex(one) for one in hashes]
    found = []
    for path in sorted(settings.data_dir.rglob("*")):
        if not path.is_file():
            continue
        where, data = path.relative_to(settings.data_dir).as_posix(), path.read_bytes()
        wanted = [*names, *row_hashes, *index_hashes, *letter_hashes]
        if path.suffix == ".zst":
            data = zstandard.ZstdDecompressor().decompress(data)
        if not where.startswith(("archive/erasures/", "pawsonalize.sqlite3")):
            wanted += [one.encode() for one in hashes]
        found += [f"{where}: {one!r}" for one in wanted if one in data]
    return found + _left_in_tables(settings, names, [*index_hashes, *letter_hashes])


def _left_in_tables(settings: Settings, names: list[bytes], hashes: list[bytes]) -> list[str]:
    engine = create_engine(settings.database.replace("postgresql:", "postgresql+psycopg:", 1))
    found = []
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f'SELECT * FROM "{table}"')):
                values = [
                    _readable(bytes(one)) for one in row if isinstance(one, bytes | memoryview)
                ]
                data = repr(tuple(row)).encode() + b"".join(values)
                found += [f"{table}: {one!r}" for one in (*names, *hashes) if one in data]
    engine.dispose()
    return found


def _readable(value: bytes) -> bytes:
    """What packed events say."""
    if not value.startswith(RAW_MARK):
        return value
    return zstandard.decompress(value.removeprefix(RAW_MARK))


def _number(digest: str) -> bytes:
    return np.uint64(int(digest, 16)).tobytes()


def delete_named_files(erasing: Erasing, erasure_id: str) -> None:
    """Do what the record leaves to people."""
    found = erasing.table.get(erasure_id)
    assert found is not None
    for file in found.files:
        Path(file).unlink(missing_ok=True)


def copied(template: Settings, folder: Path, database_url: str = "") -> Settings:
    """The same world elsewhere."""
    shutil.copytree(template.data_dir, folder)
    return settings_of(folder, database_url)


def points_of(settings: Settings) -> list[str]:
    """All that is done for the erasures that are due, in order; afterwards they are done."""
    done: list[str] = []
    with erasing_in(settings, done.append) as erasing:
        erasing.work()
    return done


def _kill_after(point: int) -> Watch:
    left = iter(range(point, -1, -1))

    def watch(_done: str) -> None:
        if next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return watch


def _die_at(folder: str, database_url: str, point: str) -> int:
    """What became of a process that does so much and no more."""
    process = os.fork()  # quicker than to begin another one
    if process == 0:
        watch = _kill_after(int(point))
        with erasing_in(settings_of(Path(folder), database_url), watch) as erasing:
            erasing.work()
        os._exit(0)
    return os.waitpid(process, 0)[1]


if __name__ == "__main__":
    given = iter(sys.argv[1:])
    for each in zip(given, given, given, strict=True):
        if _die_at(*each) != signal.SIGKILL:
            sys.exit(f"{each} was not killed")
