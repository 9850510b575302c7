"""What was answered, by recommendation id."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec
from sqlalchemy import select

from pawsonalize.storage.base import ANIMALS, Impression
from pawsonalize.storage.sql.animal_exposures import add_shown_animals, first_places
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.tables import impressions

_ENCODE = msgspec.json.Encoder().encode
_DECODERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "item_ids": msgspec.json.Decoder(tuple[str, ...]).decode,
        "propensities": msgspec.json.Decoder(tuple[float, ...]).decode,
        "animal_ids": msgspec.json.Decoder(tuple[tuple[str, ...], ...]).decode,
        "parts": msgspec.json.Decoder(tuple[tuple[float, ...], ...]).decode,
    }
)


class SqlImpressions:
    """`Impressions` on the impressions table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, batch: Sequence[Impression]) -> None:
        """See `Impressions.append`."""
        if not batch:
            return
        rows = [
            # Not asdict: it copies every value deeply, and this runs once per answer.
            {
                "recommendation_id": shown.recommendation_id,
                "question": shown.question,
                "user_id": shown.user_id,
                "session_id": shown.session_id,
                "answered_at": shown.answered_at,
                "as_of": shown.as_of,
                "solution_version": shown.solution_version,
                "item_ids": _ENCODE(shown.item_ids).decode(),
                "propensities": _encoded(shown.propensities),
                "animal_ids": _encoded(shown.animal_ids),
                "parts": _encoded(shown.parts),
            }
            for shown in batch
        ]
        seen = [
            (shown.answered_at, first_places(shown.animal_ids))
            for shown in batch
            if shown.animal_ids and shown.question == ANIMALS and shown.as_of == shown.answered_at
        ]
        with self._database.writing() as connection:
            connection.execute(impressions.insert(), rows)
            add_shown_animals(connection, seen)

    def get(self, recommendation_id: str) -> Impression | None:
        """See `Impressions.get`."""
        wanted = select(impressions).where(impressions.c.recommendation_id == recommendation_id)
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        decoded = {
            name: None if row[name] is None else decode(row[name])
            for name, decode in _DECODERS.items()
        }
        return Impression(**{**row, **decoded})


def _encoded(value: object) -> str | None:
    return None if value is None else _ENCODE(value).decode()
