"""The users who may be told of animals, by their own word."""

from sqlalchemy import ColumnElement, func, select

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.storage.table_access import TableAccess
from pawsonalize.storage.tables import events, users

CONSENT = "ALERTS"
"""The attribute of a user that says whether they may be told of animals."""
YES, SEARCHES, NO = "yes", "searches", "no"
"""Of any animal; for saved searches alone, as without the attribute; of none at all."""


def has_word(word: str) -> ColumnElement[bool]:
    """True if the row of `users` is of the default dataset group and holds this word."""
    # Attributes are stored as JSON without spaces, and a quote inside a value would be escaped. No
    # LIKE: SQLite's would take YES as well.
    stored = users.c.attributes
    without = func.replace(stored, f'"{CONSENT}":"{word}"', "")
    return (users.c.dataset_group == DEFAULT_DATASET_GROUP) & (without != stored)


class Audience(TableAccess):
    """Reads who may be told."""

    def newest(self, limit: int) -> list[str]:
        """Those with a consent, the last active first, at most so many."""
        mine = (
            events.c.user_id == users.c.user_id,
            events.c.dataset_group == DEFAULT_DATASET_GROUP,
        )
        active = select(func.max(events.c.sent_at)).where(*mine).scalar_subquery()
        order = (func.coalesce(active, 0).desc(), users.c.user_id)
        return [
            *self._scalars(
                select(users.c.user_id).where(has_word(YES)).order_by(*order).limit(limit)
            )
        ]

    def count(self) -> int:
        """Count all with a consent."""
        return int(self._scalar(select(func.count()).select_from(users).where(has_word(YES))))
