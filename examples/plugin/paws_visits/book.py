"""The table of visits, and what reads and writes it."""

import msgspec
from sqlalchemy import BigInteger, Column, Table, Text, delete, insert, select

from pawsonalize import Adapters, Conflict, Database, Services, metadata

visits = Table(
    "visits",
    metadata,
    Column("animal_id", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
)
TABLES = (visits,)


class Visit(msgspec.Struct, frozen=True, rename="camel"):
    """A booked visit."""

    animal_id: str
    at: int
    """Milliseconds since 1970."""
    name: str
    """Name of the person who comes."""


class VisitBook:
    """Stores visits, finds them, and forgets them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, visit: Visit) -> None:
        """Store a visit; Conflict if somebody else comes to that animal at that time."""
        row = msgspec.structs.asdict(visit)
        mine = (visits.c.animal_id == visit.animal_id) & (visits.c.at == visit.at)
        with self._database.writing() as connection:
            if connection.scalar(select(visits.c.name).where(mine)) is not None:
                raise Conflict(f"{visit.animal_id} is taken at that time: choose another")
            connection.execute(insert(visits), row)

    def coming(self, now: int) -> list[Visit]:
        """Return the visits from now on, the next one first."""
        wanted = select(visits).where(visits.c.at >= now).order_by(visits.c.at)
        with self._database.reading() as connection:
            return [Visit(**row) for row in connection.execute(wanted).mappings()]

    def forget(self, before: int) -> None:
        """Delete the visits before that moment."""
        with self._database.writing() as connection:
            connection.execute(delete(visits).where(visits.c.at < before))


def started(adapters: Adapters, _services: Services) -> VisitBook:
    """Return what operations and pages use, as `request.app.state.plugins["visits"]`."""
    return VisitBook(adapters.database)
