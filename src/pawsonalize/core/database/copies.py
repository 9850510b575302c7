"""A whole database: copied as of one moment while others write, brought back, and taken away."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from sqlalchemy import text

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.revisions import tables
from pawsonalize.core.errors import NotReady, StorageUnavailable

SQLITE_COPY, POSTGRES_COPY = "database.sqlite3", "database.pgdump"
"""Names of a copy, by the database that it is of."""


@contextmanager
def copied(database: Database, url: str, folder: Path) -> Iterator[Database]:
    """Copy the database into a file of the folder, as of one moment; NotReady without pg_dump.

    In the block the copy can be read; of PostgreSQL's, the database as of that moment stands in.
    """
    if database.file is None:
        copy = folder / POSTGRES_COPY
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={copy}")
        with database.snapshot() as (as_copied, name):
            _run("pg_dump", url, *options, f"--snapshot={name}")
            yield as_copied
        return
    as_copied = Database(f"sqlite:///{_copy_sqlite(database, folder)}", must_exist=True)
    try:
        yield as_copied
    finally:
        as_copied.close()  # its write-ahead log goes with it


def _copy_sqlite(database: Database, folder: Path) -> Path:
    copy = folder / SQLITE_COPY
    address = f"file:{quote(str(database.file))}?mode=ro"
    try:
        # In one step: it reads as of one moment, and keeps no writer waiting.
        with (
            closing(sqlite3.connect(address, uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise StorageUnavailable(
            f"the database cannot be copied ({error}): see that its disk has as much space again"
        ) from error
    return copy


def restore_postgres(url: str, copy: Path) -> None:
    """Bring a copy into a database without our tables, or nothing; NotReady without pg_restore."""
    # All or nothing, as half a copy would pass for a database.
    options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
    _run("pg_restore", url, *options, str(copy))


def drop_tables(database: Database) -> None:
    """Take away all our tables, or the SQLite file with them, and close the database."""
    if database.file is not None:
        file = database.file
        database.close()
        # The file itself last: a log without its file is nothing, a file without its log is old.
        for end in ("-shm", "-wal", ""):
            Path(f"{file}{end}").unlink(missing_ok=True)
        return
    with database.writing() as connection:
        tables().drop_all(connection)  # those that are there
        connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    database.close()


def _run(program: str, url: str, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on the database; the password is in no list of processes."""
    found = shutil.which(program)
    if found is None:
        raise NotReady(
            f"this needs PostgreSQL's own {program}, which is not on this machine: install its"
            " client programs (postgresql-client), or run the command where they are"
        )
    # libpq reads no driver in the scheme; and the password would be in the list of processes.
    where = re.sub(r"^(postgres(?:ql)?)\+\w+:", r"\1:", url)
    where = re.sub(r"(://[^@:/]*):[^@/]*@", r"\1@", where)
    variables = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
    if (password := re.search(r"://[^@:/]*:([^@/]*)@", url)) is not None:
        variables["PGPASSWORD"] = unquote(password[1])
    done = subprocess.run(  # noqa: S603 - the program and arguments of our own
        [found, f"--dbname={where}", *arguments],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no word why"])[0]
        raise StorageUnavailable(f"{program} failed: {reason}", detail=done.stderr.strip())
    return done.stdout
