"""The statement that reads the events of a dataset group for trainings."""

from sqlalchemy import bindparam, func, select

from pawsonalize.domain.events import SESSION_KEY, USER_KEY
from pawsonalize.storage.tables import events, sessions

_TRAINING_BATCH = 50_000
_VISITOR_KEY = func.coalesce(
    USER_KEY + events.c.user_id, USER_KEY + sessions.c.user_id, SESSION_KEY + events.c.session_id
)
TRAINING_ROWS = (
    select(
        events.c.offset,
        _VISITOR_KEY,
        events.c.item_id,
        events.c.event_type,
        events.c.sent_at,
        events.c.event_value,
        events.c.properties,
    )
    .select_from(
        events.outerjoin(
            sessions,
            (sessions.c.session_id == events.c.session_id)
            & (sessions.c.dataset_group == events.c.dataset_group)
            & events.c.user_id.is_(None),
        )
    )
    .where(
        events.c.offset > bindparam("after"),
        events.c.offset <= bindparam("through"),
        events.c.sent_at <= bindparam("until"),
        events.c.dataset_group == bindparam("group"),
    )
    .order_by(events.c.offset)
    .limit(_TRAINING_BATCH)
)
