"""Journal of the service: problems that last, and who changed what."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update

from pawsonalize.storage.database import Database
from pawsonalize.storage.statements import insert
from pawsonalize.storage.tables import audit_log, problems


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


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that somebody did to the service."""

    at: int
    """When, in milliseconds since 1970."""
    who: str
    """The id of a key, `anybody` where none is needed, or `command line`."""
    what: str
    """The operation or command, as the documentation names it."""
    target: str | None
    """The name of the resource it was done to; never an id of a visitor."""
    outcome: str
    """Result: a status of HTTP, an error's name of AWS, `done` or `failed`."""


class AuditLog:
    """Actions, in the order in which they were noted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: AuditEntry) -> None:
        """Note an action, durably."""
        with self._database.writing() as connection:
            connection.execute(audit_log.insert().values(asdict(entry)))

    def newest(self, limit: int, before: int | None = None) -> list[tuple[int, AuditEntry]]:
        """At most `limit` actions with their numbers, newest first; those `before` that number."""
        wanted = select(audit_log).order_by(audit_log.c.number.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(audit_log.c.number < before)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(wanted).mappings()]

    def forget(self, before: int) -> int:
        """Delete what was noted earlier than that moment; returns how many actions those were."""
        with self._database.writing() as connection:
            old = delete(audit_log).where(audit_log.c.at < before)
            return connection.execute(old).rowcount


def _entry(row: Mapping[Any, Any]) -> tuple[int, AuditEntry]:
    fields = dict(row)
    return fields.pop("number"), AuditEntry(**fields)
