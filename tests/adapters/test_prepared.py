"""SELECTs that are asked with every answer."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import bindparam, func, select

from pawsonalize.animals.tables.catalogue import Catalogue, User
from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import PreparedSelect
from pawsonalize.core.database.tables import users
from pawsonalize.core.errors import StorageUnavailable

NAMES = PreparedSelect(
    select(users.c.user_id, func.length(users.c.user_id))
    .where(users.c.user_id > bindparam("after"), users.c.user_id < bindparam("before"))
    .order_by(users.c.user_id)
    .limit(bindparam("limit"))
)


def names(database: Database) -> list[tuple[object, ...]]:
    asked = {"limit": 2, "before": "eve", "after": "ann"}
    return [tuple(row) for row in database.rows(NAMES, asked)]


def test_a_prepared_select_finds_what_was_just_committed(database: Database) -> None:
    assert names(database) == []
    for name in ("ann", "cat", "bob", "dan"):
        Catalogue(database).put_users([User(name, {})])
    assert names(database) == [("bob", 3), ("cat", 3)]


def test_any_thread_may_ask_it_while_others_do(database: Database) -> None:
    Catalogue(database).put_users([User("bob", {})])
    together = Barrier(4)

    def ask(_number: int) -> list[list[tuple[object, ...]]]:
        together.wait(10)
        return [names(database) for _ in range(50)]

    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(ask, range(4)):
            assert found == [[("bob", 3)]] * 50


def test_one_that_fails_is_an_outage_said_in_words(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE users")
    with pytest.raises(StorageUnavailable, match="the database did not answer"):
        names(database)


def test_a_closed_database_leaves_no_connection_open(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/tables.sqlite3")
    names(database)
    database.close()  # SQLite moves its journal into the file with the last connection
    assert [file.name for file in tmp_path.iterdir()] == ["tables.sqlite3"]
