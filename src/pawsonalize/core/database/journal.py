"""Journal of the service: problems that last, and who changed what."""

import msgspec
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, delete, select, update

from pawsonalize.core.database.statements import merge
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import audit_log, problems

# The column keeps the name that it was made with.
_COLUMNS = [
    column.label("notified_at" if column.name == "told_at" else column.name)
    for column in problems.c
]


class Problem(msgspec.Struct, frozen=True):
    """Something that goes wrong and lasts."""

    name: str
    message: str
    since: int  # when it was first reported
    last_seen: int  # when it was last reported
    # When it counts as over unless it is reported again; None: only when it is cleared.
    expires_at: int | None = None
    notified_at: int | None = None  # when people got a message of it; None if they did not


class ProblemTable(TableAccess):
    """The problems of all processes on all machines, one for each name."""

    def report(self, problem: Problem) -> None:
        """Store it. If one of its name stands already, that keeps its `since` and `notified_at`."""
        row = asdict(problem)
        row["told_at"] = row.pop("notified_at")
        renewed = {name: row[name] for name in ("message", "last_seen", "expires_at")}
        with self._database.writing() as connection:
            merge(connection, problems, [row], lambda _new: renewed)

    def find(self, name: str) -> Problem | None:
        """The problem of that name, or None."""
        rows = self._mappings(select(*_COLUMNS).where(problems.c.name == name))
        return next((Problem(**row) for row in rows), None)

    def all(self) -> list[Problem]:
        """Every problem, expired or not, the oldest first."""
        oldest_first = select(*_COLUMNS).order_by(problems.c.since, problems.c.name)
        return [Problem(**row) for row in self._mappings(oldest_first)]

    def tell(self, problem: Problem, at: int) -> bool:
        """Note a message to people. False if somebody noted one before, or it is over."""
        unnoticed = (*_same(problem), problems.c.told_at.is_(None))
        return self._execute(update(problems).where(*unnoticed).values(told_at=at)) == 1

    def remove(self, problem: Problem) -> bool:
        """Delete it, unless it ended and began anew meanwhile; returns whether it was deleted."""
        return self._execute(delete(problems).where(*_same(problem))) == 1


def _same(problem: Problem) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return problems.c.name == problem.name, problems.c.since == problem.since


class AuditEntry(msgspec.Struct, frozen=True):
    """Something that somebody did to the service."""

    at: int  # When, in milliseconds since 1970
    who: str  # the id of a key, `anybody` where none is needed, or `command line`
    what: str  # the operation or command, as the documentation names it
    target: str | None  # the name of the resource it was done to; never an id of a visitor
    outcome: str  # Result: a status of HTTP, an error's name of AWS, `done` or `failed`


class AuditLog(TableAccess):
    """Actions, in the order in which they were noted."""

    def add(self, entry: AuditEntry) -> None:
        """Note an action, durably."""
        self._execute(audit_log.insert().values(asdict(entry)))

    def newest(
        self, limit: int, before: int | None = None, target: str | None = None
    ) -> list[tuple[int, AuditEntry]]:
        """At most `limit` actions with their numbers, newest first; `before` a number, to one."""
        columns = [audit_log.c[name] for name in AuditEntry.__struct_fields__]
        wanted = select(audit_log.c.number, *columns).order_by(audit_log.c.number.desc())
        if before is not None:
            wanted = wanted.where(audit_log.c.number < before)
        if target is not None:
            wanted = wanted.where(audit_log.c.target == target)
        rows = self._rows(wanted.limit(limit))
        return [(number, AuditEntry(*entry)) for number, *entry in rows]

    def forget(self, before: int) -> int:
        """Delete what was noted earlier than that moment; returns how many actions those were."""
        return self._execute(delete(audit_log).where(audit_log.c.at < before))
