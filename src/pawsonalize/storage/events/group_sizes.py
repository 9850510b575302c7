"""Sizes of each dataset group's tables, as last counted."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, select

from pawsonalize.domain.erasures import owning_group
from pawsonalize.storage.database import Database
from pawsonalize.storage.group_tables import dataset_group_sizes as sizes
from pawsonalize.storage.statements import upsert
from pawsonalize.storage.tables import events, log_marks

_THROUGH = "dataset groups counted through"
_SINCE = "dataset groups counted anew at"


@dataclass(frozen=True, slots=True)
class GroupSize:
    """Stored events and model bytes of a dataset group."""

    dataset_group: str
    events: int
    """Events in the table, without those that are in the archive alone."""
    model_bytes: int
    """Bytes of its models."""


@dataclass(frozen=True, slots=True)
class CountMark:
    """Offset up to which events were counted."""

    through: int
    """Up to this offset of the log."""
    anew_at: int
    """When all of them were counted the last time, in milliseconds since 1970."""


class GroupSizes:
    """The table of sizes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, GroupSize]:
        """The sizes of all dataset groups that were counted, by name."""
        with self._database.reading() as connection:
            found = connection.execute(select(sizes)).mappings()
            return {row["dataset_group"]: GroupSize(**row) for row in found}

    def of(self, group: str) -> GroupSize | None:
        """The size of one; None before it was counted."""
        wanted = select(sizes).where(sizes.c.dataset_group == group)
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else GroupSize(**row)

    def mark(self) -> CountMark:
        """Return how far events were counted."""
        with self._database.reading() as connection:
            return _mark(connection)

    def events_between(self, after: int, through: int) -> dict[str, int]:
        """Count each dataset group's events with `after < offset <= through`. Reads them."""
        found = (
            select(events.c.dataset_group, func.count())
            .where(events.c.offset > after, events.c.offset <= through)
            .group_by(events.c.dataset_group)
        )
        counts: Counter[str] = Counter()
        with self._database.reading() as connection:
            for group, count in connection.execute(found):
                counts[owning_group(group)] += count
        return dict(counts)

    def put(
        self,
        counted: Sequence[GroupSize],
        gone: Collection[str],
        mark: CountMark,
        *,
        expected: CountMark,
    ) -> bool:
        """Replace sizes, if nobody has moved the mark meanwhile; returns whether that was so."""
        with self._database.writing() as connection:
            if _mark(connection) != expected:
                return False
            upsert(connection, sizes, [asdict(one) for one in counted])
            for group in gone:
                connection.execute(delete(sizes).where(sizes.c.dataset_group == group))
            rows = [(_THROUGH, mark.through), (_SINCE, mark.anew_at)]
            upsert(connection, log_marks, [{"name": name, "offset": at} for name, at in rows])
            return True


def _mark(connection: Connection) -> CountMark:
    wanted = select(log_marks.c.name, log_marks.c.offset).where(
        log_marks.c.name.in_([_THROUGH, _SINCE])
    )
    found = {row.name: row.offset for row in connection.execute(wanted)}
    return CountMark(found.get(_THROUGH, 0), found.get(_SINCE, 0))
