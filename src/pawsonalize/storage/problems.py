"""What goes wrong and lasts."""

from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, and_, delete, select, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert
from pawsonalize.storage.tables import problems


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that goes wrong and lasts.

    `since` and `last_seen` are the first and the newest report of it. `expires_at` is the moment
    from which it counts as over if nobody reports it again; None: when somebody clears it.
    `told_at` is when people were told, None if they were not.
    """

    name: str
    message: str
    since: int
    last_seen: int
    expires_at: int | None = None
    told_at: int | None = None


class ProblemTable:
    """The problems of all processes of all machines, one for each name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, problem: Problem) -> None:
        """Store it. If its name stands already, only what is new of it is stored.

        That is all but `since` and `told_at`.
        """
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
        """Every problem, the oldest first; those that have expired too."""
        oldest_first = select(problems).order_by(problems.c.since, problems.c.name)
        with self._database.reading() as connection:
            return [Problem(**row) for row in connection.execute(oldest_first).mappings()]

    def tell(self, problem: Problem, at: int) -> bool:
        """Compare and set: note that people were told of it, if nobody noted that before.

        False if somebody did, or if it is over.
        """
        untold = and_(_same(problem), problems.c.told_at.is_(None))
        with self._database.writing() as connection:
            told = connection.execute(update(problems).where(untold).values(told_at=at))
            return told.rowcount == 1

    def remove(self, problem: Problem) -> bool:
        """Delete it, unless it ended and began anew since; returns whether it was there."""
        with self._database.writing() as connection:
            return connection.execute(delete(problems).where(_same(problem))).rowcount == 1


def _same(problem: Problem) -> ColumnElement[bool]:
    return and_(problems.c.name == problem.name, problems.c.since == problem.since)
