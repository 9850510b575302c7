"""Revisions of the tables: programs that may run on them, and migrations to the newest."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, MetaData, delete, insert, inspect, select, text, update

from pawsonalize.core.database.tables import REVISION, agreements, metadata, servers
from pawsonalize.core.errors import InvalidInput, StorageUnavailable
from pawsonalize.core.plugin import added, parts
from pawsonalize.core.work.heartbeats import Heartbeats

# Several versions of the program may run on one database, so a change of the tables comes in two
# parts, in two releases: a migration that expands them, on which older programs go on, and later
# one that contracts them. The tables say which is the oldest program that may run on them.
EXPANDS, CONTRACTS = "expands", "contracts"  # values of `change` in a migration
Connected = Callable[[], AbstractContextManager[Connection]]

_REVISION = text("SELECT version_num FROM alembic_version")
_STAMP = text("INSERT INTO alembic_version VALUES (:revision)")
_OLDEST = "oldest program"
_LOOK_SECONDS = 0.2
# While a change waits for a long read, everything that comes later waits behind it.
_LOCK_SECONDS, _LOCK_TRIES, _LOCK_PAUSE = 2, 20, 1.0


@cache
def tables() -> MetaData:
    """Return all tables, those of the plugins too."""
    for _ in added("tables"):  # which puts them there
        pass
    return metadata


def make_tables_of_plugins(reading: Connected, writing: Connected) -> None:
    """Make the tables of plugins of other distributions that the database does not have yet."""
    others = [table for plugin, own in parts("tables") if plugin.package for table in own]
    if not others:
        return
    with reading() as connection:
        missing = {one.name for one in others} - set(inspect(connection).get_table_names())
    if missing:
        with writing() as connection:
            metadata.create_all(connection, [one for one in others if one.name in missing])


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(_REVISION)
    return revision


def check_free(connection: Connection, shown_url: str) -> None:
    """InvalidInput if something else has a SQLite file, or tables by our names in PostgreSQL."""
    others = set(inspect(connection).get_table_names())
    if "alembic_version" in others:  # by now: another server was faster
        return
    if connection.dialect.name != "sqlite":  # where people share a database
        others &= tables().tables.keys()
    if others:
        raise InvalidInput(
            f"the database {shown_url} has {len(others):,} tables of something else, and none of"
            " Pawsonalize: name an empty or new one",
            field="database_url",
        )


def why_refused(connection: Connection, shown_url: str) -> str | None:
    """Return why this program may not run on tables of a newer one; None if it may."""
    oldest = connection.scalar(select(agreements.c.value).where(agreements.c.name == _OLDEST))
    if oldest is None or oldest <= REVISION:
        return None
    return (
        f"the database {shown_url} needs a program that knows its tables of revision {oldest}, and"
        f" this one knows {REVISION}: a newer version of Pawsonalize has changed them. Start that"
        " version here as well"
    )


def _make_tables(connection: Connection) -> None:
    """Make the tables of this program in a database that has none."""
    if revision_of(connection) is not None:
        return  # another process was faster
    tables().create_all(connection)
    connection.execute(insert(agreements), {"name": _OLDEST, "value": REVISION})
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY)")
    connection.execute(_STAMP, {"revision": REVISION})


def _oldest_after(config: Any, revision: str) -> str | None:
    """The oldest program that may run on the tables after what is to come; None: as before."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    coming = ScriptDirectory.from_config(config).walk_revisions(revision, "head")
    modules = (one.module for one in coming if one.revision != revision)
    contracting = [
        one.oldest_program for one in modules if getattr(one, "change", EXPANDS) == CONTRACTS
    ]
    return max(contracting, default=None)


def _older_than(connection: Connection, revision: str) -> Mapping[tuple[str, str], int]:
    """The beats of servers whose program is older, by name and where they run."""
    columns = (servers.c.name, servers.c.host, servers.c.port, servers.c.version, servers.c.beats)
    older = connection.execute(select(*columns).where(servers.c.revision < revision))
    return {
        (name, f"{host}{f':{port}' if port else ''} (Pawsonalize {version})"): beats
        for name, host, port, version, beats in older
    }


def _await_older(reading: Connected, oldest: str) -> Mapping[tuple[str, str], int]:
    """Return the beats of older servers that ended; StorageUnavailable if some live."""
    beats: Heartbeats[tuple[str, str]] = Heartbeats()
    while True:
        with reading() as connection:
            found = _older_than(connection, oldest)
        beats.look(found)
        living = {one for one in found if beats.has_moved(one) and not beats.is_gone(one)}
        # Not before each of them is known to live or to be gone.
        if all(one in living or beats.is_gone(one) for one in found):
            if living:
                raise _still_running(living, oldest)
            return found
        time.sleep(_LOOK_SECONDS)


def _take_out(connection: Connection, gone: Mapping[tuple[str, str], int], oldest: str) -> None:
    """Take servers that are gone out of the list; nobody older may have come, or come back."""
    found = _older_than(connection, oldest)
    if come := {one for one, beats in found.items() if gone.get(one) != beats}:
        raise _still_running(come, oldest)
    for name, _ in gone:
        connection.execute(delete(servers).where(servers.c.name == name))


def _still_running(older: Iterable[tuple[str, str]], oldest: str) -> StorageUnavailable:
    where = ", ".join(sorted({where for _, where in older}))
    return StorageUnavailable(
        f"the tables are to be changed so that only programs of revision {oldest} or newer can use"
        f" them, and older ones still run: {where}. Stop those, then start this one again"
    )


class Migrations(msgspec.Struct, frozen=True):
    """Brings the tables of a database to the revision of this program."""

    reading: Connected
    writing: Connected
    shown_url: str

    def bring_up_to_date(self, revision: str | None) -> None:
        """Make the tables, or migrate those of another revision, if that is needed and possible.

        StorageUnavailable for tables that this program cannot use, or while older programs run that
        could not use them afterwards.
        """
        if revision is None:
            with self.writing() as connection:  # so that servers starting together make them once
                _make_tables(connection)
        elif revision > REVISION:
            with self.reading() as connection:
                reason = why_refused(connection, self.shown_url)
            if reason is not None:
                raise StorageUnavailable(reason)
        else:
            for _ in range(1, _LOCK_TRIES):
                try:
                    self._migrate(revision)
                    return
                except StorageUnavailable as error:
                    if "lock timeout" not in str(error):
                        raise
                time.sleep(_LOCK_PAUSE)
            self._migrate(revision)

    def _migrate(self, revision: str) -> None:
        # Slow to import, and needed once in the life of a database.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.util import CommandError  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            oldest = _oldest_after(config, revision)
            gone = _await_older(self.reading, oldest) if oldest else {}
            with self.writing() as connection:  # so that servers starting together migrate once
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
                if oldest:
                    _take_out(connection, gone, oldest)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if oldest is not None:
                    now_oldest = update(agreements).where(agreements.c.name == _OLDEST)
                    connection.execute(now_oldest.values(value=oldest))
        except CommandError as error:  # there is no way from that revision to ours
            raise StorageUnavailable(
                f"the database {self.shown_url} is of another version of Pawsonalize (its"
                f" tables are {revision}, this version reads {REVISION}): start with an empty"
                " data folder (--data-dir) or database, and import your data again"
            ) from error
