"""The individual animals."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import or_, select

from pawsonalize.domain.animals import Animal
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import animals
from pawsonalize.storage.sql.upsert import upsert

_DECODE = msgspec.json.Decoder(Animal).decode


class SqlAnimals:
    """`Animals` on the animals table: what is queried has a column, the rest is the record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, batch: Sequence[Animal]) -> None:
        """See `Animals.put`."""
        rows = [
            {
                "animal_id": animal.animal_id,
                "listed_at": animal.listed_at,
                "adopted_at": animal.adopted_at,
                "record": msgspec.json.encode(animal).decode(),
                "item_id": animal.group.id,
            }
            for animal in batch
        ]
        with self._database.writing() as connection:
            upsert(connection, animals, rows)

    def get(self, animal_id: str) -> Animal | None:
        """See `Animals.get`."""
        with self._database.reading() as connection:
            record = connection.scalar(
                select(animals.c.record).where(animals.c.animal_id == animal_id)
            )
        return None if record is None else _DECODE(record)

    def available(self, at: int, limit: int) -> list[Animal]:
        """See `Animals.available`."""
        waiting = (
            select(animals.c.record)
            .where(
                animals.c.listed_at <= at,
                or_(animals.c.adopted_at.is_(None), animals.c.adopted_at > at),
            )
            .order_by(animals.c.listed_at, animals.c.animal_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [_DECODE(record) for record in connection.scalars(waiting)]
