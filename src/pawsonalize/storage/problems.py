"""Standing problems: what goes wrong and lasts."""

from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, and_, delete, select, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert
from pawsonalize.storage.tables import problems


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that goes wrong and lasts."""

    name: str
    message: str
    since: int
    """When it was first reported."""
    last_seen: int
    """When it was last reported."""
    expires_at: int | None = None
    """When it counts as over unless it is reported again; None: only when it is cleared."""
    told_at: int | None = None
    """When people were told of it; None if they were not."""


class ProblemTable:
    """The problems of all processes on all machines, one for each name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, problem: Problem) -> None:
        """Store it. If one of its name stands already, that keeps its `since` and `told_at`."""
        row = asdict(problem)
        renewed = {name: row[name] for name in ("message", "last_seen", "expires_at")}
        with self._database.writing() as connection:
            statement = insert(connection, problems).values(row)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_=renewed)
            )

    def find(self, name: str) -> Problem | None:
        """The problem of that name, or None."""
        with self._database.reading() as connection:
            row = connection.execute(select(problems).where(problems.c.name == name)).mappings()
            found = row.first()
        return None if found is None else Problem(**found)

    def all(self) -> list[Problem]:
        """Every problem, expired or not, the oldest first."""
        oldest_first = select(problems).order_by(problems.c.since, problems.c.name)
        with self._database.reading() as connection:
            return [Problem(**row) for row in connection.execute(oldest_first).mappings()]

    def tell(self, problem: Problem, at: int) -> bool:
        """Note that people were told of it. False if somebody noted that before, or it is over."""
        untold = and_(_same(problem), problems.c.told_at.is_(None))
        with self._database.writing() as connection:
            told = connection.execute(update(problems).where(untold).values(told_at=at))
            return told.rowcount == 1

    def remove(self, problem: Problem) -> bool:
        """Delete it, unless it ended and began anew meanwhile; returns whether it was deleted."""
        with self._database.writing() as connection:
            return connection.execute(delete(problems).where(_same(problem))).rowcount == 1


def _same(problem: Problem) -> ColumnElement[bool]:
    return and_(problems.c.name == problem.name, problems.c.since == problem.since)
