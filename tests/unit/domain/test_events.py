"""Events and animals as values."""

from dataclasses import FrozenInstanceError

import pytest

from pawsonalize.domain.animals import Animal, AnimalStatus
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import Event
from pawsonalize.domain.groups import AnimalGroup


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


def test_an_animal_is_available_until_the_moment_of_its_adoption() -> None:
    group = AnimalGroup.of(2, "Beagle", 2, 3)
    rex = Animal("a1", group, "Rex", "North", "m", "brown", 1, listed_at=10, adopted_at=20)
    assert rex.status(19) is AnimalStatus.AVAILABLE
    assert rex.status(20) is AnimalStatus.ADOPTED
