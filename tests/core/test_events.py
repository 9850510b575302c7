"""Events and animals as values."""

from dataclasses import FrozenInstanceError

import pytest

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import Event


def event(user_id: str | None, session_id: str | None) -> Event:
    return Event("e1", user_id, session_id, "view", "2-Beagle-2-3", 1, 2)


@pytest.mark.parametrize(("user", "session"), [("ann", None), (None, "s1"), ("ann", "s1")])
def test_an_event_belongs_to_a_user_a_session_or_both(
    user: str | None, session: str | None
) -> None:
    assert (event(user, session).user_id, event(user, session).session_id) == (user, session)


def test_an_event_of_nobody_cannot_exist() -> None:
    with pytest.raises(InvalidInput, match="userId or a sessionId"):
        event(None, None)


def test_an_event_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        event("ann", None).user_id = "bob"  # type: ignore[misc]
