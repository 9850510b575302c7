"""New identifiers: time-ordered, so that an index grows at its end, and random, so unguessable."""

import secrets


def new_event_id(now: int) -> str:
    """An event id for a sender that gave none; `now` in milliseconds since 1970."""
    return f"{now:012x}{secrets.token_hex(10)}"


def new_recommendation_id(now: int) -> str:
    """The id of one answer, `RID-…`; `now` in milliseconds since 1970."""
    return f"RID-{now:012x}{secrets.token_hex(8)}"
