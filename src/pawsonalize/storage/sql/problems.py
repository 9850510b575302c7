"""What goes wrong and lasts."""

from dataclasses import asdict

from sqlalchemy import ColumnElement, and_, delete, select, update

from pawsonalize.storage.problems import Problem
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import problems
from pawsonalize.storage.sql.upsert import insert


class SqlProblems:
    """`ProblemTable` on the problems table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, problem: Problem) -> None:
        """See `ProblemTable.report`."""
        row = asdict(problem)
        renewed = {name: row[name] for name in ("message", "last_seen", "expires_at")}
        with self._database.writing() as connection:
            statement = insert(connection, problems).values(row)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_=renewed)
            )

    def find(self, name: str) -> Problem | None:
        """See `ProblemTable.find`."""
        with self._database.reading() as connection:
            row = connection.execute(select(problems).where(problems.c.name == name)).mappings()
            found = row.first()
        return None if found is None else Problem(**found)

    def all(self) -> list[Problem]:
        """See `ProblemTable.all`."""
        oldest_first = select(problems).order_by(problems.c.since, problems.c.name)
        with self._database.reading() as connection:
            return [Problem(**row) for row in connection.execute(oldest_first).mappings()]

    def tell(self, problem: Problem, at: int) -> bool:
        """See `ProblemTable.tell`."""
        untold = and_(_same(problem), problems.c.told_at.is_(None))
        with self._database.writing() as connection:
            told = connection.execute(update(problems).where(untold).values(told_at=at))
            return told.rowcount == 1

    def remove(self, problem: Problem) -> bool:
        """See `ProblemTable.remove`."""
        with self._database.writing() as connection:
            return connection.execute(delete(problems).where(_same(problem))).rowcount == 1


def _same(problem: Problem) -> ColumnElement[bool]:
    return and_(problems.c.name == problem.name, problems.c.since == problem.since)
