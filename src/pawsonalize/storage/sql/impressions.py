"""What was answered, by recommendation id."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, select

from pawsonalize.storage.base import Impression
from pawsonalize.storage.sql.database import Database
from pawsonalize.storage.sql.ids import in_parts
from pawsonalize.storage.sql.tables import impressions

_ENCODE = msgspec.json.Encoder().encode
_DECODE_ITEMS = msgspec.json.Decoder(tuple[str, ...]).decode
_DECODE_ODDS = msgspec.json.Decoder(tuple[float, ...]).decode


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
                "propensities": (
                    None if shown.propensities is None else _ENCODE(shown.propensities).decode()
                ),
            }
            for shown in batch
        ]
        with self._database.writing() as connection:
            connection.execute(impressions.insert(), rows)

    def get(self, recommendation_id: str) -> Impression | None:
        """See `Impressions.get`."""
        wanted = select(impressions).where(impressions.c.recommendation_id == recommendation_id)
        with self._database.reading() as connection:
            row = connection.execute(wanted).mappings().first()
        if row is None:
            return None
        odds = row["propensities"]
        decoded = {
            "item_ids": _DECODE_ITEMS(row["item_ids"]),
            "propensities": None if odds is None else _DECODE_ODDS(odds),
        }
        return Impression(**{**row, **decoded})

    def erase_visitors(self, user_ids: Sequence[str], session_ids: Sequence[str]) -> int:
        """See `Impressions.erase_visitors`."""
        erased = 0
        with self._database.writing() as connection:
            for column, ids in (
                (impressions.c.user_id, user_ids),
                (impressions.c.session_id, session_ids),
            ):
                for part in in_parts(ids):
                    theirs = delete(impressions).where(column.in_(part))
                    erased += connection.execute(theirs).rowcount
        return erased
