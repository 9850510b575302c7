"""Who asks, and for which moment: the fields that both questions share."""

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.times import parse_moment
from pawsonalize.engine.ingest.event_form import Id, Moment


def read_visitor(user_id: Id | None, session_id: Id | None) -> Visitor:
    """The visitor; either id may be missing."""
    return Visitor(
        None if user_id is None else parse_id(user_id, "userId"),
        None if session_id is None else parse_id(session_id, "sessionId"),
    )


def read_at(at: Moment | None, now: int) -> int:
    """The moment to answer for: `at`, or now (milliseconds since 1970)."""
    return now if at is None else parse_moment(at, "at")
