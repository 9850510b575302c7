"""The audit log: who changed what, and when, without anything personal."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, select

from pawsonalize.storage.database import Database
from pawsonalize.storage.tables import audit_log


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
