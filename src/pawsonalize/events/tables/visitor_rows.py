"""The rows of the tables that belong to visitors, for their erasure."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from sqlalchemy import ColumnElement, Delete, delete, select, update

from pawsonalize.core.database.database import Database
from pawsonalize.core.database.statements import in_parts
from pawsonalize.core.database.table_access import TableAccess
from pawsonalize.core.database.tables import erasures, events, impressions, sessions, users
from pawsonalize.core.event import ACTIONS, SESSION, USER, visitor_digest
from pawsonalize.core.plugin import added
from pawsonalize.events.erasure.tables import ErasedNames, Erasure
from pawsonalize.events.tables.raw_events import take_out_raws

_NAMED = (
    (USER, events.c.user_id),
    (USER, users.c.user_id),
    (USER, sessions.c.user_id),
    (USER, impressions.c.user_id),
    (SESSION, events.c.session_id),
    (SESSION, sessions.c.session_id),
    (SESSION, impressions.c.session_id),
)


class RowsOfPlugin(Protocol):
    """Rows of a plugin that may be about visitors."""

    def deletions(
        self, erasure: Erasure, names: ErasedNames, groups: Sequence[str]
    ) -> Iterator[Delete]:
        """Yield what deletes those about the visitors, from before the erasure was noted."""

    def find(self, groups: Sequence[str], visitors: Collection[str]) -> set[tuple[str, str, str]]:
        """Return kind, name and hash of the visitors, by their hashes, whom the rows name."""


class VisitorRows(TableAccess):
    """Deletes what the tables hold of visitors."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._plugins: list[RowsOfPlugin] = [rows(database) for rows in added("visitor_rows")]

    def erase(self, erasure: Erasure, names: ErasedNames) -> None:
        """Delete their events, sessions, attributes and answers, and count them in the record."""
        # A few visitors at a time, so that others may write; a second call deletes what is left.
        for part in in_parts(names.users):
            groups = users.c.dataset_group.in_(_groups(erasure.dataset_group))
            attributes = delete(users).where(groups, users.c.user_id.in_(part))
            self._delete(erasure, [*_traces(erasure, "user_id", part), attributes])
        for part in in_parts(names.sessions):
            groups = sessions.c.dataset_group.in_(_groups(erasure.dataset_group))
            bound = delete(sessions).where(groups, sessions.c.session_id.in_(part))
            self._delete(erasure, [*_traces(erasure, "session_id", part), bound])
        for plugin in self._plugins:
            for deletion in plugin.deletions(erasure, names, _groups(erasure.dataset_group)):
                self._delete(erasure, [deletion])

    def find(self, dataset_group: str, visitors: Collection[str]) -> list[tuple[str, str, str]]:
        """Kind, name and hash of those with one of the hashes; reads every name."""
        found: set[tuple[str, str, str]] = set()
        for kind, column in _NAMED:
            mine = column.table.c.dataset_group.in_(_groups(dataset_group))
            names = select(column).where(mine, column.is_not(None)).distinct()
            found |= {
                (kind, name, visitor)
                for name in self._scalars(names)
                if (visitor := visitor_digest(kind, name)) in visitors
            }
        for plugin in self._plugins:
            found |= plugin.find(_groups(dataset_group), visitors)
        return sorted(found)

    def _delete(self, erasure: Erasure, statements: Sequence[Delete]) -> None:
        with self._database.writing() as connection:
            for one in statements:
                if one.table is events and one.whereclause is not None:
                    take_out_raws(connection, one.whereclause)
            counting = connection.execution_options(preserve_rowcount=True)
            deleted = sum(counting.execute(one).rowcount for one in statements)
            connection.execute(
                update(erasures)
                .where(erasures.c.erasure_id == erasure.erasure_id)
                .values(deleted=erasures.c.deleted + deleted)
            )


def _groups(dataset_group: str) -> tuple[str, str]:
    return dataset_group, f"{dataset_group}{ACTIONS}"


def _traces(erasure: Erasure, column: str, names: Sequence[str]) -> Iterator[Delete]:
    """Yield what deletes the events and answers of users, or the anonymous ones of sessions."""
    # What came after the erasure was noted stays.
    for table, is_covered in (
        (events, events.c.offset <= erasure.through),
        (impressions, impressions.c.answered_at <= erasure.noted_at),
    ):
        theirs: ColumnElement[bool] = table.c[column].in_(names)
        # An event of a session that names a user is that user's.
        if column == "session_id":
            theirs &= table.c.user_id.is_(None)
        mine = table.c.dataset_group.in_(_groups(erasure.dataset_group))
        yield delete(table).where(mine, is_covered, theirs)
