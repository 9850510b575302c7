"""Turns of dataset groups at work that one does at a time."""

from sqlalchemy import func, select

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import upsert
from pawsonalize.storage.work_tables import turns


class Turns:
    """The turns of each kind of work, of all machines. A later turn has a greater number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, work: str) -> dict[str, int]:
        """The last turn of each dataset group that had one."""
        wanted = select(turns.c.dataset_group, turns.c.turn).where(turns.c.work == work)
        with self._database.reading() as connection:
            return {row.dataset_group: row.turn for row in connection.execute(wanted)}

    def take(self, work: str, group: str) -> None:
        """Note that the dataset group has the next turn."""
        newest = select(func.coalesce(func.max(turns.c.turn), 0)).where(turns.c.work == work)
        with self._database.writing() as connection:
            turn = (connection.scalar(newest) or 0) + 1
            row = {"work": work, "dataset_group": group, "turn": turn}
            upsert(connection, turns, [row])

    def put(self, work: str, group: str, turn: int) -> None:
        """Note a turn of this number, for work whose turns have numbers of their own."""
        with self._database.writing() as connection:
            row = {"work": work, "dataset_group": group, "turn": turn}
            upsert(connection, turns, [row])
