"""Programs on tables that a newer program has changed, and changes that older ones must not see."""

from contextlib import closing
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from pawsonalize.core.database import revisions
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.revisions import Migrations
from pawsonalize.core.database.tables import REVISION
from pawsonalize.core.errors import StorageUnavailable
from pawsonalize.core.work.heartbeats import Heartbeats
from pawsonalize.core.work.servers import ServerTable
from pawsonalize.events.tables.event_log import EventLog
from tests.adapters.test_servers import ONE, TWO
from tests.event_data import event

NEWER = f"{int(REVISION) + 1:04}"


def moved_on(database: Database, oldest_program: str) -> None:
    """As a newer program leaves the tables."""
    with database.writing() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{NEWER}'"))
        changed = "UPDATE agreements SET value = :oldest WHERE name = 'oldest program'"
        connection.execute(text(changed), {"oldest": oldest_program})


def migrations(database: Database) -> Migrations:
    return Migrations(database.reading, database.writing, database.shown_url)


def test_a_program_goes_on_on_tables_that_were_only_expanded(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        moved_on(database, REVISION)
    with closing(Database(database_url)) as database:
        assert EventLog(database).append([event("e1")]) == [True]


def test_a_program_refuses_tables_that_were_contracted(database_url: str) -> None:
    with closing(Database(database_url)) as database:
        moved_on(database, NEWER)
    said = (
        f"needs a program that knows its tables of revision {NEWER}, and this one knows {REVISION}"
    )
    with pytest.raises(StorageUnavailable, match=said):
        Database(database_url)


def test_a_server_that_the_tables_have_left_behind_answers_nothing_more(database: Database) -> None:
    table = ServerTable(database)
    table.heartbeat(ONE)
    moved_on(database, NEWER)
    with pytest.raises(StorageUnavailable, match="newer version of Pawsonalize has changed them"):
        table.heartbeat(ONE)
    for call in (EventLog(database).head, lambda: EventLog(database).append([event("e1")])):
        with pytest.raises(StorageUnavailable, match="newer version"):
            call()


@pytest.fixture
def contracting(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The tables of the revision before, whose next migration contracts them."""
    monkeypatch.setattr(revisions, "Heartbeats", partial(Heartbeats, gone_after=0.5))
    monkeypatch.setattr(revisions, "_oldest_after", lambda *_: REVISION)
    return database


OLD = replace(ONE, revision=f"{int(REVISION) - 1:04}", version="0.9")


def test_tables_are_not_contracted_while_an_older_server_lives(contracting: Database) -> None:
    table, stop = ServerTable(contracting), Event()
    table.heartbeat(OLD)
    table.heartbeat(replace(OLD, name="killed", host="elsewhere"))
    table.heartbeat(TWO)

    def live() -> None:
        while not stop.wait(0.02):
            table.heartbeat(OLD)

    living = Thread(target=live)
    living.start()
    try:
        with pytest.raises(StorageUnavailable, match=r"still run: one:8080 \(Pawsonalize 0.9\)"):
            migrations(contracting).bring_up_to_date(OLD.revision)
    finally:
        stop.set()
        living.join()


def test_older_servers_that_were_killed_hold_nobody_up(contracting: Database) -> None:
    table = ServerTable(contracting)
    table.heartbeat(OLD)
    table.heartbeat(TWO)
    migrations(contracting).bring_up_to_date(OLD.revision)
    assert [one.name for one in table.all()] == [TWO.name]


def test_an_older_server_that_comes_back_meanwhile_is_seen(
    contracting: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ServerTable(contracting)
    waiting = revisions._await_older

    def wait_and_wake(*given: Any) -> object:
        gone = waiting(*given)
        table.heartbeat(OLD)
        return gone

    table.heartbeat(OLD)
    monkeypatch.setattr(revisions, "_await_older", wait_and_wake)
    with pytest.raises(StorageUnavailable, match="older ones still run: one:8080"):
        migrations(contracting).bring_up_to_date(OLD.revision)
