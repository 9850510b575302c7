"""What each dataset group has stored, as it was last counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select

from pawsonalize.domain.erasures import owning_group
from pawsonalize.storage.database import Database
from pawsonalize.storage.fleet_tables import dataset_group_sizes as sizes
from pawsonalize.storage.statements import upsert
from pawsonalize.storage.tables import events


@dataclass(frozen=True, slots=True)
class GroupSize:
    """What a dataset group has stored."""

    dataset_group: str
    events: int
    """Events in the table, without those that are in the archive alone."""
    model_bytes: int
    """Bytes of its models."""
    through: int
    """The events up to this offset of the log are counted."""
    counted_at: int


class GroupSizes:
    """The table of sizes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[GroupSize]:
        """The sizes of all dataset groups that were counted."""
        with self._database.reading() as connection:
            return [GroupSize(**row) for row in connection.execute(select(sizes)).mappings()]

    def of(self, group: str) -> GroupSize | None:
        """The size of one; None before it was counted."""
        wanted = select(sizes).where(sizes.c.dataset_group == group)
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else GroupSize(**row)

    def events_between(self, after: int, through: int) -> dict[str, int]:
        """How many events each dataset group has with `after < offset <= through`. Reads them."""
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

    def put(self, counted: Sequence[GroupSize]) -> None:
        """Replace what was counted of these dataset groups."""
        if not counted:
            return
        with self._database.writing() as connection:
            upsert(connection, sizes, [asdict(one) for one in counted])

    def forget_group(self, group: str) -> None:
        """Delete the size of a dataset group."""
        with self._database.writing() as connection:
            connection.execute(delete(sizes).where(sizes.c.dataset_group == group))
