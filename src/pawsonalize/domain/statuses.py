"""An animal's status, and which may follow which."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pawsonalize.domain.errors import Conflict


class AnimalStatus(StrEnum):
    """Only an available animal may be shown.

    A returned one came back from its adopters and is not available again yet; a removed one is
    no longer listed for any other reason (transferred, back with its owner, gone from the feed).
    """

    AVAILABLE = "available"
    PENDING = "pending"
    HOLD = "hold"
    ADOPTED = "adopted"
    RETURNED = "returned"
    REMOVED = "removed"


STATUS_WORDS: Mapping[str, AnimalStatus] = MappingProxyType(
    {
        **dict.fromkeys(
            ("adoptable", "avail", "availableforadoption", "foradoption"), AnimalStatus.AVAILABLE
        ),
        **dict.fromkeys(("onhold", "held", "notavailable"), AnimalStatus.HOLD),
        **dict.fromkeys(("adoptionpending", "pendingadoption", "reserved"), AnimalStatus.PENDING),
        "adoption": AnimalStatus.ADOPTED,
    }
)
"""Other words for them; spaces, case and punctuation do not count."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The status an animal has from that moment on, in milliseconds since 1970."""

    status: AnimalStatus
    at: int


_IN_CARE = frozenset({AnimalStatus.AVAILABLE, AnimalStatus.PENDING, AnimalStatus.HOLD})
_LEAVING = frozenset({AnimalStatus.ADOPTED, AnimalStatus.REMOVED})

STEPS: Mapping[AnimalStatus, frozenset[AnimalStatus]] = MappingProxyType(
    {
        AnimalStatus.AVAILABLE: _IN_CARE | _LEAVING,
        AnimalStatus.PENDING: _IN_CARE | _LEAVING,
        AnimalStatus.HOLD: _IN_CARE | _LEAVING,
        AnimalStatus.ADOPTED: frozenset({AnimalStatus.ADOPTED, AnimalStatus.RETURNED}),
        AnimalStatus.RETURNED: _IN_CARE | {AnimalStatus.RETURNED, AnimalStatus.REMOVED},
        AnimalStatus.REMOVED: _IN_CARE | _LEAVING,
    }
)


def check_step(old: AnimalStatus, new: AnimalStatus) -> None:
    """Conflict, naming what may follow, if the one status cannot follow the other."""
    if new not in STEPS[old]:
        allowed = ", ".join(status for status in AnimalStatus if status in STEPS[old] - {old})
        raise Conflict(f"an animal that is {old} cannot become {new}: it may become {allowed}")


def route(old: AnimalStatus, new: AnimalStatus) -> tuple[AnimalStatus, ...]:
    """The steps to what an animal is said to be now; none if it is that already.

    What was not told lies in between: who is listed after an adoption was returned, who is adopted
    after a return was available, and who returns was adopted.
    """
    if new is old:
        return ()
    if new in STEPS[old]:
        return (new,)
    between = AnimalStatus.AVAILABLE
    if old is AnimalStatus.ADOPTED:
        between = AnimalStatus.RETURNED
    elif new is AnimalStatus.RETURNED:
        between = AnimalStatus.ADOPTED
    return (between, new)
