"""SELECTs that are asked with every answer: written out once, and run on connections kept for them.

SQLAlchemy takes several times as long to run one of them as SQLite does, so here SQLite gets their
text directly. PostgreSQL, which is a network away, is asked as with any other statement.
"""

import sqlite3
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Engine, Select
from sqlalchemy.dialects import sqlite


class PreparedSelect:
    """A SELECT with named parameters, and its text for SQLite.

    Of columns that SQLite stores as Python reads them (texts and numbers), and without `IN` lists.
    """

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        compiled = statement.compile(dialect=sqlite.dialect())
        self.text = compiled.string
        self._names = compiled.positiontup or []
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """The parameters in the order of the text."""
        given = {**self._fixed, **parameters}
        return [given[name] for name in self._names]


class PreparedReads:
    """Runs them on a SQLite file. Any thread may ask; each SELECT has a connection to itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: deque[sqlite3.Connection] = deque()

    def rows(self, wanted: PreparedSelect, parameters: Mapping[str, object]) -> list[Any]:
        """Return the rows of the SELECT as tuples, as of the newest committed state."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._opened()
        try:
            return connection.execute(wanted.text, wanted.values(parameters)).fetchall()
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections; nothing may be asked meanwhile."""
        while self._idle:
            self._idle.pop().close()

    def _opened(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        connection = cast(sqlite3.Connection, pooled.driver_connection)
        pooled.detach()  # it is ours from here on
        # After each commit of another connection SQLite unmaps the file, and every page is a fault
        # again. To read the few pages of an answer costs half of that.
        connection.execute("PRAGMA mmap_size=0")
        # Such a commit empties the cache, too. A few pages, used over and over, are the quickest to
        # fill again, and hold the upper levels of the indexes.
        connection.execute("PRAGMA cache_size=-2000")
        return connection
