"""How many animals of each item are available, and what of that changed."""

from collections.abc import Collection

from sqlalchemy import Connection, and_, func, or_, select

from pawsonalize.storage.animals import Revision
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import stays, supply_changes
from pawsonalize.storage.sql.upsert import upsert

_NEWEST = (
    select(supply_changes.c.revision, supply_changes.c.at)
    .order_by(supply_changes.c.revision.desc(), supply_changes.c.at.desc())
    .limit(1)
)


class SqlSupply:
    """`Supply` on the stays, and on the last change of each item."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def revision(self) -> Revision:
        """See `Supply.revision`."""
        with self._database.reading() as connection:
            return _revision(connection)

    def count(self, at: int, item_ids: Collection[str] | None = None) -> dict[str, int]:
        """See `Supply.count`."""
        waiting = (
            select(stays.c.item_id, func.count().label("animals"))
            .where(stays.c.since <= at, stays.c.until > at)
            .group_by(stays.c.item_id)
        )
        if item_ids is not None:
            waiting = waiting.where(stays.c.item_id.in_(item_ids))
        with self._database.reading() as connection:
            return {row.item_id: row.animals for row in connection.execute(waiting)}

    def changed(self, after: Revision, since: int, at: int) -> set[str]:
        """See `Supply.changed`."""
        first, last = sorted((since, at))
        written = select(supply_changes.c.item_id).where(supply_changes.c.revision > after.number)
        passed = select(stays.c.item_id).where(
            or_(
                and_(stays.c.since > first, stays.c.since <= last),
                and_(stays.c.until > first, stays.c.until <= last),
            )
        )
        with self._database.reading() as connection:
            return {*connection.scalars(written), *connection.scalars(passed)}

    def next_change(self, at: int) -> int | None:
        """See `Supply.next_change`."""
        moments = [
            select(func.min(edge)).where(edge > at) for edge in (stays.c.since, stays.c.until)
        ]
        with self._database.reading() as connection:
            found = [connection.scalar(moment) for moment in moments]
        return min((moment for moment in found if moment is not None), default=None)


def record_changes(connection: Connection, item_ids: Collection[str], at: int) -> None:
    """Say in the same transaction whose supply it changes."""
    if not item_ids:
        return
    newest = _revision(connection)
    change = {"revision": newest.number + 1, "at": max(newest.at, at)}
    upsert(connection, supply_changes, [{"item_id": item_id, **change} for item_id in item_ids])


def _revision(connection: Connection) -> Revision:
    row = connection.execute(_NEWEST).first()
    return Revision(0, 0) if row is None else Revision(*row)
